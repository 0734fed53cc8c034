// SPDX-License-Identifier: MPL-2.0
#include "contact_dump_repository.hpp"

#include "contact_rows.hpp"
#include "contact_tables.hpp"

#include <model/stored_rows.hpp>

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <chrono>
#include <span>

namespace ctms::persistence {
namespace {

/// The times of a row, in the form of the API. `prefix` names the row: "e.", or "" if there is only one.
std::string times_sql(std::string_view prefix) {
    std::string out;
    for (const std::string_view name : {"create_timestamp", "update_timestamp"})
        out += fmt::format(", {} as {}", iso_sql(fmt::format("{}{}", prefix, name)), name);
    return out;
}

// Everything except the ids that only join the tables. A column that ends in _text repeats JSON exactly as it was written, because
// whitespace and escapes are part of what is stored.
std::string member_sql(const contact_table& table) {
    const auto rows = fmt::format("(select {}{} from {} where email_id = e.email_id) r",
                                  each_column(table.columns, "{column}", "{column}, {column}::text as {column}_text"),
                                  table.has_times ? times_sql({}) : std::string(), table.name);
    if (!table.is_list) return fmt::format(R"(,"{}":' || coalesce((select row_to_json(r)::text from {}), 'null') || ')", table.name, rows);
    return fmt::format(
        R"(,"{}":[' || coalesce((select string_agg(row_to_json(r)::text, ',' order by r.name collate "C") from {}), '') || '])", table.name,
        rows);
}

std::string line_sql() {
    const std::span all(contact_tables());
    auto out = fmt::format(R"('{{"format":"{}","email":' || (select row_to_json(r)::text from (select e.email_id, {}{}) r) || ')",
                           model::dump_format, each_column(all.front().columns, "e.{column}"), times_sql("e."));
    for (const auto& table : all.subspan(1)) out += member_sql(table);
    return out + "}'";
}

constexpr std::string_view find_duplicates = R"(
with wanted as (
  select lower(primary_email) as address from emails where $1::text is null or lower(primary_email) > $1
  group by 1 having count(*) > 1 order by 1 limit $2::int)
select wanted.address, e.email_id::text, e.primary_email, {}, {}
from wanted join emails e on lower(e.primary_email) = wanted.address order by 1, e.create_timestamp, e.email_id)";

/// Removes line breaks. In JSON they can only be whitespace between values: inside strings they are escaped.
std::string on_one_line(std::string_view json) {
    std::string out(json);
    std::erase_if(out, [](char c) { return c == '\n' || c == '\r'; });
    return out;
}

/// Reads contacts page by page and remembers the last id.
class pages {
public:
    explicit pages(connection& link) : link_(link) {
        link_.begin();
        // The server must not end the dump because its reader or the pipe is slow.
        link_.execute("set transaction isolation level repeatable read, read only; set local idle_in_transaction_session_timeout = 0;"
                      " set local statement_timeout = '120s'; set local enable_seqscan = off");
    }
    ~pages() { link_.rollback(); }
    pages(const pages&) = delete;
    pages& operator=(const pages&) = delete;

    [[nodiscard]] rows next() {
        static const statement first{"dump_first_page",
                                     fmt::format("select e.email_id::text, {} from emails e order by e.email_id limit 2000", line_sql())};
        static const statement following{"dump_next_page",
                                         fmt::format("select e.email_id::text, {} from emails e where e.email_id > $1::uuid"
                                                     " order by e.email_id limit 2000",
                                                     line_sql())};
        auto page = last_.empty() ? link_.query(first, {}) : link_.query(following, {last_});
        if (!page.empty()) last_ = page.text(page.size() - 1, 0);
        return page;
    }

private:
    connection& link_;
    std::string last_;
};

std::int64_t dump_all(connection& link, const std::function<bool(std::string_view)>& visit) {
    std::int64_t count = 0;
    pages all(link);
    for (auto page = all.next(); !page.empty(); page = all.next()) {
        for (std::size_t row = 0; row < page.size(); ++row) {
            if (!visit(on_one_line(page.text(row, 1)))) return count;
            ++count;
        }
    }
    return count;
}

} // namespace

result<std::int64_t> contact_dump_repository::dump(const std::function<bool(std::string_view)>& visit) {
    // Does not use run(): a retry would visit the same contacts again.
    try {
        const auto held = db_.connections().acquire();
        return dump_all(*held, visit);
    } catch (const sql_error& failure) {
        return to_error(failure, db_.recorder());
    }
}

result<std::map<uuid, std::string>> contact_dump_repository::lines(std::span<const uuid> email_ids) {
    static const statement lines_by_ids{"dumped_lines",
                                        fmt::format("select e.email_id::text, {} from emails e"
                                                    " where e.email_id in (select json_array_elements_text($1::json)::uuid)",
                                                    line_sql())};
    return run(db_, [&](connection& link) {
        const auto found = link.query(lines_by_ids, {json_ids(email_ids)});
        std::map<uuid, std::string> out;
        for (std::size_t row = 0; row < found.size(); ++row)
            out.emplace(uuid::parse(found.text(row, 0)).value_or(uuid{}), on_one_line(found.text(row, 1)));
        return out;
    });
}

result<std::optional<std::int64_t>> contact_dump_repository::estimate() {
    static const statement rows_of_emails{"estimate_contacts",
                                          "select reltuples::bigint::text from pg_class where oid = 'emails'::regclass"};
    return run(db_, [&](connection& link) {
        const auto count = link.query(rows_of_emails, {}).integer(0, 0);
        return count > 0 ? std::optional(count) : std::nullopt;
    });
}

result<std::vector<model::duplicate_contact>> contact_dump_repository::duplicates(const std::optional<std::string>& after, int limit) {
    static const statement duplicate_addresses{"duplicate_addresses", fmt::format(find_duplicates, microseconds_sql("e.create_timestamp"),
                                                                                  microseconds_sql("e.update_timestamp"))};
    return run(db_, [&](connection& link) {
        const auto found = link.query(duplicate_addresses, {after, std::to_string(limit)});
        std::vector<model::duplicate_contact> out;
        for (std::size_t row = 0; row < found.size(); ++row) {
            out.push_back({std::string(found.text(row, 0)), uuid::parse(found.text(row, 1)).value_or(uuid{}),
                           std::string(found.text(row, 2)), read_optional_time(found, row, 3), read_optional_time(found, row, 4)});
        }
        return out;
    });
}

} // namespace ctms::persistence
