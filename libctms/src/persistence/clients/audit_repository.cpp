// SPDX-License-Identifier: MPL-2.0
#include "audit_repository.hpp"

#include <ctms/base/json_text.hpp>

#include <json/document.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace ctms::persistence {
namespace {

const statement begin_record{"audit_begin", "insert into ctms_audit_log (actor, command) values ($1, $2) returning id"};
const statement end_record{
    "audit_end", "update ctms_audit_log set ended_at = now(), exit_code = $2::integer, details = $3::jsonb where id = $1::bigint"};

const statement note_record{"audit_note", "insert into ctms_audit_log (actor, command, ended_at, exit_code, details)"
                                          " values ($1, $2, now(), 0, $3::jsonb)"};

std::string to_json(const model::audit_details& details) {
    std::string out;
    object_writer writer(out);
    for (const auto& [name, value] : details) writer.add(name, std::string_view(value));
    writer.close();
    return out;
}

model::audit_details read_details(std::string_view text) {
    const auto parsed = json::document::parse(text, json::limits{});
    const auto* details = std::get_if<json::document>(&parsed);
    if (details == nullptr) throw std::logic_error("a column is not JSON");
    model::audit_details out;
    for (const auto* each = details->root().first; each != nullptr; each = each->next) out.emplace_back(each->key, each->text);
    return out;
}

model::audit_record read_record(const rows& found, std::size_t row) {
    model::audit_record out;
    out.id = found.integer(row, 0);
    out.began_at = read_time(found, row, 1);
    out.ended_at = read_optional_time(found, row, 2);
    out.actor = found.text(row, 3);
    out.command = found.text(row, 4);
    out.details = read_details(found.text(row, 5));
    if (!found.is_null(row, 6)) out.exit_code = static_cast<int>(found.integer(row, 6));
    return out;
}

} // namespace

result<std::int64_t> audit_repository::begin(const std::string& actor, const std::string& command) {
    return run(db_, [&](connection& db) { return db.query(begin_record, {actor, command}, true).integer(0, 0); });
}

result<void> audit_repository::end(std::int64_t id, int exit_code, const model::audit_details& details) {
    return run(db_, [&](connection& db) { db.query(end_record, {std::to_string(id), std::to_string(exit_code), to_json(details)}, true); });
}

result<void> audit_repository::note(const std::string& actor, const std::string& command, const model::audit_details& details) {
    return run(db_, [&](connection& db) { db.query(note_record, {actor, command, to_json(details)}, true); });
}

result<std::vector<model::audit_record>> audit_repository::list(int limit) {
    static const statement newest{
        "audit_list",
        fmt::format("select id, {}, {}, actor, command, details::text, exit_code from ctms_audit_log order by id desc limit $1::bigint",
                    microseconds_sql("began_at"), microseconds_sql("ended_at"))};
    return run(db_, [&](connection& db) {
        const auto found = db.query(newest, {std::to_string(limit)});
        std::vector<model::audit_record> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_record(found, row));
        return out;
    });
}

} // namespace ctms::persistence
