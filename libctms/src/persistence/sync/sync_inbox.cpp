// SPDX-License-Identifier: MPL-2.0
// Moves what other programs wrote to the queue. See sync_queue_repository.cpp for how the statements of the queue find and lock rows.
#include "note_change_sql.hpp"
#include "sync_queue_repository.hpp"
#include "sync_request_sql.hpp"

#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

// Moves at most $1 rows to the queue and to ctms_changes, one for each contact. A deletion may be read long after the contact was created
// again, so what is there now decides. A contact that is gone and has no address here waits for the row of its deletion, or has had it.
// Waits only briefly for rows that other transactions hold, because writers of the contacts of this batch wait for this statement. $2: how
// many rows to pass over.
constexpr std::string_view drain_inbox_sql = R"(
with taken as materialized (
  delete from ctms_inbox using (select set_config('lock_timeout', '100', true) offset 0) as limited
  where ctid = any (array(select ctid from ctms_inbox limit $1::bigint offset $2::bigint for update skip locked))
  returning id, email_id, what, primary_email, written_at),
folded as materialized (
  select email_id, min(written_at) as since, max(written_at) as latest, bool_or(what in ('upsert', 'delete')) as syncs,
    bool_or(what = 'create') as created, bool_or(what = 'delete') as deleted, bool_or(what <> 'upsert') as changed,
    (array_agg(primary_email order by written_at desc, id desc) filter (where primary_email is not null))[1] as address
  from taken group by email_id),
asked as materialized (
  select folded.*, exists (select from emails e where e.email_id = folded.email_id) as present from folded),
q as (
  insert into ctms_sync_queue as queue (email_id, operation, primary_email, first_requested_at)
  select email_id, case when present then 'upsert' else 'delete' end, case when not present then address end, since
  from asked where syncs and (present or address is not null) order by email_id{}),
ch as (
  insert into ctms_changes as known (email_id, created_xid, deleted)
  select email_id, case when created then pg_current_xact_id() end, not present from {}, asked
  order by email_id{}){}
select count(*) from taken)";

// Records for the history that another program changed these contacts: who and which fields is not known. A row of pending_acoustic comes
// with changes of its own.
constexpr std::string_view record_drained = R"(,
h as (
  insert into ctms_history (email_id, changed_at, what)
  select email_id, latest, case when not present then 'deleted' when created then 'created' else 'updated' end
  from asked where changed and (present or deleted)))";

const statement& drain_statement(bool keeps_history) {
    const auto make = [](std::string_view name, std::string_view record) {
        const auto again =
            note_again_sql("excluded.deleted or (known.deleted and excluded.created_xid is null)",
                           "case when known.deleted and excluded.created_xid is null then known.client else excluded.client end");
        return statement{std::string(name), fmt::format(drain_inbox_sql, request_again_sql, after_queue, again, record)};
    };
    static const statement made = make("sync_inbox_drain", "");
    static const statement recorded = make("sync_inbox_drain_recorded", record_drained);
    return keeps_history ? recorded : made;
}

constexpr int drain_size = 1'000;    // writes of these contacts wait until the statement ends
constexpr int small_drain_size = 20; // if another transaction holds one of them

} // namespace

result<bool> sync_queue_repository::drain_inbox(int batches) {
    int size = drain_size;
    int passed_over = 0;
    std::int64_t in_small_steps = 0;
    for (int batch = 0; batch < batches;) {
        const std::vector<parameter> bounds{std::to_string(size), std::to_string(passed_over)};
        const auto moved =
            run(db_, [&](connection& db) { return db.query(drain_statement(keeps_history(db_)), bounds, true).integer(0, 0); });
        if (!moved) {
            const bool is_held = moved.error().detail.find("55P03") != std::string::npos;
            if (!is_held || passed_over >= drain_size) return moved.error();
            if (size == small_drain_size) passed_over += size;
            size = small_drain_size;
            continue;
        }
        if (*moved < size) return true;
        if (size == small_drain_size) in_small_steps += *moved;
        if (size == small_drain_size && in_small_steps < drain_size) continue;
        ++batch; // also the sum of small steps, after which the row that was held may be free
        size = drain_size;
        passed_over = 0;
        in_small_steps = 0;
    }
    return false;
}

} // namespace ctms::persistence
