// SPDX-License-Identifier: MPL-2.0
#include "updates_horizon.hpp"

#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/format.h>

#include <thread>

namespace ctms::persistence {
namespace {

// The order matters: first the clock, then the sessions, then the prepared transactions. A transaction that begins after the sessions are
// read has a later time than the clock; one that ends before is visible to later statements; one that is prepared meanwhile is in one of
// the two lists. The lateral joins enforce this order. Decision record 24 has the whole argument.
//   A session publishes the start of its statement before that of its transaction, hence `query_start`. The 100 ms cover the instructions
// between reading the clock and publishing it. Walsenders and autovacuum do not write contacts.
constexpr std::string_view horizon_sql = R"(
with clock as materialized (select clock_timestamp() as now, (select oid from pg_database where datname = current_database()) as here),
sessions as materialized (
  select clock.now, clock.here, s.pid, coalesce(s.xact_start, case when s.state = 'active' then s.query_start end) as began,
    s.backend_xid is not null as writes,
    (s.usesysid is not null and s.query = '<insufficient privilege>') or s.state = 'disabled' as hidden
  from clock left join lateral pg_stat_get_activity(case when clock.now is null then 0 end) s
    on s.datid = clock.here and s.pid <> pg_backend_pid() and coalesce(s.backend_type, '') not in ('autovacuum worker', 'walsender')),
seen as materialized (
  select min(now) as now, min(here) as here,
    min(began) filter (where writes and began > now - $1::integer * interval '1 second') as writer,
    min(began) filter (where not writes and began > now - $2::integer * interval '1 second') as reader,
    coalesce(bool_or(hidden), false) as hidden,
    (array_agg(pid order by began) filter (where writes and began <= now - $1::integer * interval '1 second'))[1] as overdue,
    min(began) filter (where writes and began <= now - $1::integer * interval '1 second') as overdue_since
  from sessions)
select {}, {}, holder, overdue, extract(epoch from seen.now - overdue_since)::bigint
from seen, lateral (
  values ('none', seen.now - interval '100 ms'), ('writer', seen.writer), ('reader', seen.reader),
    ('prepared', (select min(prepared) - $1::integer * interval '1 second' from pg_prepared_xact()
                  where dbid = seen.here and prepared > seen.now - $1::integer * interval '1 second')),
    ('hidden', case when seen.hidden then seen.now - $2::integer * interval '1 second' end)) as held (holder, until)
order by held.until limit 1)";

} // namespace

updates_horizon read_updates_horizon(connection& primary, const horizon_limits& limits) {
    static const statement horizon{"updates_horizon",
                                   fmt::format(horizon_sql, microseconds_sql("held.until"), microseconds_sql("seen.now"))};
    const auto found = primary.query(horizon, {std::to_string(limits.writer.count()), std::to_string(limits.reader.count())});
    updates_horizon out{read_time(found, 0, 0), read_time(found, 0, 1), std::string(found.text(0, 2)), std::nullopt};
    if (!found.is_null(0, 3)) out.overdue = overdue_transaction{found.integer(0, 3), std::chrono::seconds(found.integer(0, 4))};
    return out;
}

result<updates_horizon> shared_horizon::get(database& primary) {
    using std::chrono::steady_clock;
    constexpr std::chrono::milliseconds longest_use{20};
    const auto asked = steady_clock::now();
    {
        const std::lock_guard lock(mutex_);
        if (last_ && asked - read_at_ < longest_use) {
            auto out = *last_;
            out.now += std::chrono::duration_cast<timestamp::duration>(asked - read_at_);
            return out;
        }
    }
    auto found = run(primary, [](connection& db) { return read_updates_horizon(db); });
    if (!found) return found;
    const std::lock_guard lock(mutex_);
    last_ = *found;
    read_at_ = asked;
    return found;
}

std::string log_position(connection& primary) {
    static const statement position{"log_position", "select pg_current_wal_insert_lsn()"};
    return std::string(primary.query(position, {}).text(0, 0));
}

bool has_replayed(connection& standby, const std::string& position) {
    static const statement replayed{"has_replayed", "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() >= $1::pg_lsn end"};
    constexpr int most_tries = 8;
    constexpr std::chrono::milliseconds first_pause{1}; // doubled each time: at most 127 ms in all
    for (int tries = 0; tries < most_tries; ++tries) {
        if (tries > 0) std::this_thread::sleep_for(first_pause * (1 << (tries - 1)));
        const auto found = standby.query(replayed, {position});
        if (found.is_null(0, 0)) return false;
        if (found.boolean(0, 0)) return true;
    }
    return false;
}

} // namespace ctms::persistence
