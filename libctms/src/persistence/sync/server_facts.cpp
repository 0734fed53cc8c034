// SPDX-License-Identifier: MPL-2.0
#include "server_facts.hpp"

#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

// A server whose primary is idle replays nothing, and the last lag that was measured stays. So a time counts only if something is left to
// replay, or if a replica does not receive anything: then it cannot know what it lacks.
constexpr std::string_view facts = R"(
select current_setting('server_version'), {}, pg_is_in_recovery(),
  coalesce(case when pg_is_in_recovery() and (pg_last_wal_receive_lsn() is distinct from pg_last_wal_replay_lsn()
                                              or not exists (select from pg_stat_wal_receiver where pid is not null))
           then extract(epoch from now() - pg_last_xact_replay_timestamp()) end, 0)::bigint,
  coalesce((select extract(epoch from max(replay_lag)) from pg_stat_replication
            where replay_lsn < case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end), 0)::bigint,
  pg_database_size(current_database()),
  (select count(*) from pg_stat_activity where backend_type = 'client backend'),
  current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
  coalesce((select extract(epoch from max(now() - xact_start)) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'), 0)::bigint,
  coalesce((select sum(n_live_tup) from pg_stat_user_tables where relname = 'ctms_sync_queue'), 0)::bigint,
  coalesce((select sum(n_dead_tup) from pg_stat_user_tables where relname = 'ctms_sync_queue'), 0)::bigint)";

} // namespace

result<model::database_facts> read_server_facts(database& db) {
    static const statement server_facts{"server_facts", fmt::format(facts, microseconds_sql("clock_timestamp()"))};
    return run(db, [](connection& link) {
        const auto found = link.query(server_facts, {});
        const auto seconds = [&](std::size_t column) { return std::chrono::seconds(found.integer(0, column)); };
        model::database_facts out;
        out.version = found.text(0, 0);
        out.clock = read_optional_time(found, 0, 1).value_or(timestamp{});
        out.is_replica = found.boolean(0, 2);
        out.replica_age = seconds(3);
        out.replication_lag = seconds(4);
        out.size = found.integer(0, 5);
        out.connections = found.integer(0, 6);
        out.most_connections = found.integer(0, 7);
        out.oldest_transaction = seconds(8);
        out.queue_rows = found.integer(0, 9);
        out.dead_queue_rows = found.integer(0, 10);
        return out;
    });
}

result<timestamp> read_server_clock(database& db) {
    static const statement server_clock{"server_clock", fmt::format("select {}", microseconds_sql("clock_timestamp()"))};
    return run(db, [](connection& link) { return read_time(link.query(server_clock, {}), 0, 0); });
}

} // namespace ctms::persistence
