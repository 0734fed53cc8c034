// SPDX-License-Identifier: MPL-2.0
#include "sync_queue_repository.hpp"
#include "sync_queue_rows.hpp"

#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

// Counts at most this many rows; the rest is estimated. PostgreSQL counts rows by reading them, and the queue may be long.
constexpr int exactly = 10'000;

std::string rows_of_index(std::string_view index) {
    return fmt::format("(select reltuples::bigint from pg_class where oid = '{}'::regclass)", index);
}

std::string rows_of_table(std::string_view table) { return fmt::format("pg_stat_get_live_tuples('{}'::regclass)", table); }

// The orders are those of the indexes, so that the planner reads them: the table may begin with pages whose rows are gone.
constexpr std::string_view count_bounded = R"(
with few as materialized (
  select (select count(*) from (select from ctms_sync_queue where state = 'pending' order by priority limit {limit}) rows) as pending,
    (select count(*) from (select from ctms_sync_queue where last_error is not null order by retry limit {limit}) rows) as retries,
    (select count(*) from (select from ctms_sync_queue where state = 'parked' order by priority limit {limit}) rows) as parked,
    count(*) as inbox, min(written_at) as since
  from (select written_at from ctms_inbox where what in ('upsert', 'delete') limit {limit}) rows),
most as materialized (
  select case when retries < {limit} then retries else greatest(retries, {many_retries}) end as retries,
    case when parked < {limit} then parked else greatest(parked, {many_parked}) end as parked,
    case when inbox < {limit} then inbox else greatest(inbox, {many_in_inbox}) end as inbox,
    pending, since
  from few)
select case when pending < {limit} then pending else greatest(pending, {many_rows} - parked) end + inbox, retries, parked,
  coalesce(extract(epoch from now() - least(now(),
    (select first_requested_at from ctms_sync_queue where state = 'pending' order by first_requested_at limit 1),
    since)), 0)::bigint
from most)";

constexpr const char* count_stages = R"(
select count(*) filter (where state = 'pending') + inbox.size, count(*) filter (where last_error is not null), count(*) filter (where state = 'parked'),
  coalesce(extract(epoch from now() - least(now(), min(first_requested_at) filter (where state = 'pending'), inbox.since)), 0)::bigint,
  count(*) filter (where state = 'pending' and greatest(next_attempt_at, claimed_until) <= now()) + inbox.size,
  count(*) filter (where state = 'pending' and claimed_until > now()),
  count(*) filter (where state = 'pending' and priority > 0)
from ctms_sync_queue right join (select count(*) as size, min(written_at) as since from ctms_inbox where what in ('upsert', 'delete')) as inbox on true
group by inbox.size, inbox.since)";

constexpr std::string_view list_workers = R"(
select worker::text, sum(claimed), sum(slots), {} from (
  select claimed_by as worker, count(*) as claimed, 0 as slots, max(claimed_until) as until
  from ctms_sync_queue where claimed_by is not null and claimed_until > now()
    and (claimed_by = (select job from ctms_bulk_job)) is not true group by claimed_by
  union all
  select holder, 0, count(*), max(expires_at) from ctms_vendor_slots where slot > 0 and holder is not null and expires_at > now() group by holder) leases
group by worker order by worker)";

const statement& counts_statement() {
    static const statement made{"sync_queue_counts", fmt::format(count_bounded, fmt::arg("limit", exactly + 1),
                                                                 fmt::arg("many_rows", rows_of_table("ctms_sync_queue")),
                                                                 fmt::arg("many_retries", rows_of_index("ctms_sync_queue_retries")),
                                                                 fmt::arg("many_parked", rows_of_index("ctms_sync_queue_parked")),
                                                                 fmt::arg("many_in_inbox", rows_of_table("ctms_inbox")))};
    return made;
}

// A probe that is long overdue belongs to a worker that has ended, and one that is far ahead to a clock that was set back.
const statement circuit{
    "vendor_circuit_read",
    fmt::format("select {}, reason, last_error, {} from ctms_vendor_circuit",
                microseconds_sql(
                    "case when next_probe_at between now() - interval '5 minutes' and now() + interval '5 minutes' then next_probe_at end"),
                microseconds_sql("last_error_at"))};

const statement circuit_note{"vendor_circuit_note", R"(
update ctms_vendor_circuit set next_probe_at = now() + $1::bigint * interval '1 millisecond',
  reason = case when $1::bigint is not null then coalesce(reason, $2) end,
  last_error = coalesce($2, last_error), last_error_at = case when $2 is null then last_error_at else now() end)"};

const statement stages{"sync_queue_stages", count_stages};

const statement bulk_contacts{
    "bulk_job_contacts", "select (select count(*) from ctms_sync_queue where claimed_by = job) from ctms_bulk_job where job is not null"};

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
    auto status = run(db_, [](connection& db) {
        model::queue_status out;
        const auto staged = db.query(stages, {});
        out.counts = read_counts(staged);
        out.due = staged.integer(0, 4);
        out.claimed = staged.integer(0, 5);
        out.after_writes = staged.integer(0, 6);
        const auto vendor = db.query(circuit, {});
        out.next_probe_at = read_optional_time(vendor, 0, 0);
        out.circuit_reason = vendor.optional_text(0, 1).value_or("");
        out.last_error = vendor.optional_text(0, 2).value_or("");
        out.last_error_at = read_optional_time(vendor, 0, 3);
        if (const auto job = db.query(bulk_contacts, {}); !job.empty()) out.bulk_contacts = job.integer(0, 0);
        const auto found = db.query(workers_statement(), {});
        for (std::size_t row = 0; row < found.size(); ++row)
            out.workers.push_back({read_id(found, row, 0), found.integer(row, 1), found.integer(row, 2), read_time(found, row, 3)});
        return out;
    });
    if (!status) return status;
    const auto skipped = count_skipped();
    if (!skipped) return skipped.error();
    status->skipped = static_cast<std::int64_t>(*skipped);
    return status;
}

result<void> sync_queue_repository::note_circuit(const std::optional<std::chrono::milliseconds>& next_probe,
                                                 const std::optional<std::string>& error) {
    const std::vector<parameter> parameters{next_probe ? parameter(std::to_string(next_probe->count())) : parameter(),
                                            error ? parameter(*error) : parameter()};
    return run(db_, [&](connection& db) { db.query(circuit_note, parameters, true); });
}

} // namespace ctms::persistence
