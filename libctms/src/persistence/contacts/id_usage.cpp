// SPDX-License-Identifier: MPL-2.0
#include "id_usage.hpp"

#include "contact_tables.hpp"

#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

// In millionths. The column may be narrower than its sequence, if only one of them was altered.
constexpr std::string_view usage_sql = R"(
with tables as (
  select t.name, pg_get_serial_sequence(t.name, 'id')::regclass as sequence
  from unnest(array[{}]) as t(name))
select t.name, (1000000 * coalesce(pg_sequence_last_value(t.sequence), 0)::numeric
    / least(s.seqmax, case a.atttypid when 'int4'::regtype then 2147483647 else 9223372036854775807 end))::bigint
from tables t join pg_sequence s on s.seqrelid = t.sequence
  join pg_attribute a on a.attrelid = t.name::regclass and a.attname = 'id'
where has_sequence_privilege(t.sequence, 'usage, select') order by t.name)";

/// The tables of contacts whose rows have numbers, and the Python service's queue.
std::string numbered_tables() {
    std::string out = "'pending_acoustic'";
    for (const auto& one : contact_tables()) {
        if (one.which != table_of::emails) out += fmt::format(", '{}'", one.name);
    }
    return out;
}

constexpr double million = 1'000'000;

} // namespace

result<std::vector<model::id_usage>> read_id_usage(database& db) {
    static const statement read_usage{"id_usage", fmt::format(usage_sql, numbered_tables())};
    return run(db, [](connection& link) {
        const auto found = link.query(read_usage, {});
        std::vector<model::id_usage> out;
        for (std::size_t row = 0; row < found.size(); ++row)
            out.push_back({std::string(found.text(row, 0)), static_cast<double>(found.integer(row, 1)) / million});
        return out;
    });
}

} // namespace ctms::persistence
