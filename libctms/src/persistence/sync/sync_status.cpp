// SPDX-License-Identifier: MPL-2.0
#include "sync_queue_repository.hpp"
#include "sync_queue_rows.hpp"

#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

constexpr std::string_view count_rows =
    "select count(*) filter (where state <> 'parked'), count(*) filter (where retry > 0),"
    " count(*) filter (where state = 'parked'),"
    " coalesce(extract(epoch from now() - min(first_requested_at) filter (where state <> 'parked')), 0)::bigint{}"
    " from ctms_sync_queue";

constexpr const char* stages = ", count(*) filter (where state = 'pending' and greatest(next_attempt_at, claimed_until) <= now()),"
                               " count(*) filter (where state = 'pending' and claimed_until > now()),"
                               " count(*) filter (where state = 'pending' and priority > 0)";

constexpr std::string_view list_workers = R"(
select worker::text, sum(claimed), sum(slots), {} from (
  select claimed_by as worker, count(*) as claimed, 0 as slots, max(claimed_until) as until
  from ctms_sync_queue where claimed_by is not null and claimed_until > now() group by claimed_by
  union all
  select holder, 0, count(*), max(expires_at) from ctms_vendor_slots where holder is not null and expires_at > now() group by holder) leases
group by worker order by worker)";

const statement& counts_statement() {
    static const statement made{"sync_queue_counts", fmt::format(count_rows, "")};
    return made;
}

const statement& stages_statement() {
    static const statement made{"sync_queue_stages", fmt::format(count_rows, stages)};
    return made;
}

const statement& workers_statement() {
    static const statement made{"sync_queue_workers", fmt::format(list_workers, microseconds_sql("max(until)"))};
    return made;
}

model::backlog_counts read_counts(const rows& found) {
    return {found.integer(0, 0), found.integer(0, 1), found.integer(0, 2), std::chrono::seconds{found.integer(0, 3)}};
}

} // namespace

result<model::backlog_counts> sync_queue_repository::count() {
    return run(db_, [](connection& db) { return read_counts(db.query(counts_statement(), {})); });
}

result<model::queue_status> sync_queue_repository::status() {
    return run(db_, [](connection& db) {
        model::queue_status out;
        const auto staged = db.query(stages_statement(), {});
        out.counts = read_counts(staged);
        out.due = staged.integer(0, 4);
        out.claimed = staged.integer(0, 5);
        out.after_writes = staged.integer(0, 6);
        const auto found = db.query(workers_statement(), {});
        for (std::size_t row = 0; row < found.size(); ++row)
            out.workers.push_back({read_id(found, row, 0), found.integer(row, 1), found.integer(row, 2), read_time(found, row, 3)});
        return out;
    });
}

} // namespace ctms::persistence
