// SPDX-License-Identifier: MPL-2.0
#include "person_repository.hpp"

#include "parked_names.hpp"

#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace ctms::persistence {
namespace {

// $2: the key after which the rows follow. {6}: what is searched for the names of the person. {7}: how many rows are read at most.
constexpr std::string_view rows_sql = R"(
with {0}
select key, line, searched from (
  select key, line, searched, sum(octet_length(line)) over (order by place) - octet_length(line) as before, place from (
    select ({1})::text as key, (select row_to_json(r)::text from (select {2}) r) as line, row_number() over (order by {1}) as place,
      {6} as searched
    from {3} t where ({4}) and ({1}) > $2::{5} order by {1} limit {7}) next_rows) counted
where before < 500000 order by place)";

/// The table, or the view in which ctms-web may read it.
std::string_view relation_of(const personal_source& source) { return source.view.empty() ? source.table : source.view; }

/// A key before all others of its type.
std::string_view first_key(const personal_source& source) {
    if (source.key_type == "bigint") return "-1";
    return source.key_type == "uuid" ? "00000000-0000-0000-0000-000000000000" : "";
}

statement rows_statement(const personal_source& source) {
    const int most_rows = source.is_searched ? 20 : 500; // payloads can be large
    return {fmt::format("person_{}", source.member),
            fmt::format(rows_sql, persons_ids_sql(), source.key, source.columns, relation_of(source), source.rows, source.key_type,
                        source.is_searched ? "encode(t.payload, 'base64')" : "null::text", most_rows)};
}

std::string known_sql() {
    std::string any;
    for (const auto& source : personal_sources()) {
        if (source.is_searched) continue; // the names that are searched for are in other tables
        any += fmt::format("{}exists (select from {} t where {})", any.empty() ? "" : "\n  or ", relation_of(source), source.rows);
    }
    return fmt::format("\nwith {}\nselect {}", persons_ids_sql(), any);
}

std::string on_one_line(std::string_view json) {
    std::string out(json);
    std::erase(out, '\n'); // in JSON a line feed can only be whitespace between values
    return out;
}

} // namespace

result<bool> person_repository::is_known(const uuid& email_id) {
    static const statement known{"person_is_known", known_sql()};
    return run(db_, [&](connection& db) { return db.query(known, {email_id.to_string()}).boolean(0, 0); });
}

result<person_rows> person_repository::read(const personal_source& source, const uuid& email_id, const std::string& after) {
    const auto what = rows_statement(source);
    return run(db_, [&](connection& db) {
        json::person_names names;
        if (source.is_searched) add_names(db, email_id.to_string(), names);
        person_rows out;
        out.last = after.empty() ? std::string(first_key(source)) : after;
        while (out.lines.empty()) {
            const auto found = db.query(what, {email_id.to_string(), out.last});
            if (found.empty()) break;
            for (std::size_t row = 0; row < found.size(); ++row) {
                if (source.is_searched && !names_person(found, row, 2, names)) continue;
                out.lines.push_back(on_one_line(found.text(row, 1)));
            }
            out.last = found.text(found.size() - 1, 0);
        }
        if (out.lines.empty()) out.last.clear();
        return out;
    });
}

result<std::vector<uuid>> person_repository::find(const std::string& address) {
    static const statement by_address{"person_find", "select email_id::text from emails where lower(primary_email) = lower($1)"
                                                     " union select email_id::text from fxa where lower(primary_email) = lower($1)"
                                                     " order by 1"};
    return run(db_, [&](connection& db) {
        const auto found = db.query(by_address, {address});
        std::vector<uuid> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(uuid::parse(found.text(row, 0)).value_or(uuid{}));
        return out;
    });
}

} // namespace ctms::persistence
