// SPDX-License-Identifier: MPL-2.0
#include "history_repository.hpp"

#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

namespace ctms::persistence {
namespace {

// $2: the entry before the page, $3: the limit and one. Returns entries of about half a megabyte together, because a client that sends
// large lists makes large entries. The last column is the number of entries without this bound. One row has nulls if the page is empty.
constexpr std::string_view page_sql = R"(
select exists (select from emails where email_id = $1::uuid) or exists (select from ctms_history where email_id = $1::uuid),
  p.id, {}, p.what, p.client, p.request_id, p.changes, p.found
from (select) as always left join (
  select * from (
    select *, sum(octet_length(changes)) over (order by id desc) - octet_length(changes) as before, count(*) over () as found from (
      select id, changed_at, what, client, request_id, coalesce(changes::text, '') as changes
      from ctms_history where email_id = $1::uuid and id < $2::bigint order by id desc limit $3::integer) newest) counted
  where before < 500000) p on true
order by p.id desc)";

const statement forget_old{"history_forget", R"(
delete from ctms_history where ctid = any (array(
  select ctid from ctms_history where changed_at < now() - $1::integer * interval '1 second'
  order by changed_at limit $2::integer for update skip locked)))"};

model::change_kind kind_of(std::string_view what) {
    using enum model::change_kind;
    return what == "created" ? created : what == "deleted" ? deleted : updated;
}

model::history_entry read_entry(const rows& found, std::size_t row) {
    model::history_entry out;
    out.id = found.integer(row, 1);
    out.when = read_time(found, row, 2);
    out.what = kind_of(found.text(row, 3));
    out.client = found.optional_text(row, 4);
    out.request_id = found.optional_text(row, 5);
    if (!found.text(row, 6).empty()) out.changes = found.text(row, 6);
    return out;
}

} // namespace

result<model::history_page> history_repository::read(const uuid& email_id, const model::history_query& query) {
    static const statement page{"history_page", fmt::format(page_sql, microseconds_sql("p.changed_at"))};
    const auto before = query.before.value_or(std::numeric_limits<std::int64_t>::max());
    auto found = run(db_, [&](connection& db) {
        return db.query(page, {email_id.to_string(), std::to_string(before), std::to_string(query.limit + 1)});
    });
    if (!found) return found.error();
    if (!found->boolean(0, 0)) return not_found("Unknown email_id");
    model::history_page out;
    if (found->is_null(0, 1)) return out;
    const auto shown = std::min(found->size(), static_cast<std::size_t>(query.limit));
    for (std::size_t row = 0; row < shown; ++row) out.items.push_back(read_entry(*found, row));
    if (static_cast<std::int64_t>(shown) < found->integer(0, 7)) out.next = out.items.back().id;
    return out;
}

result<std::int64_t> history_repository::forget(std::chrono::seconds age, int limit) {
    return run(db_, [&](connection& db) {
        return static_cast<std::int64_t>(db.query(forget_old, {std::to_string(age.count()), std::to_string(limit)}, true).affected());
    });
}

} // namespace ctms::persistence
