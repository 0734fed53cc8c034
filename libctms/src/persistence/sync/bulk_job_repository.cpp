// SPDX-License-Identifier: MPL-2.0
#include "bulk_job_repository.hpp"

#include "queue_priority.hpp"
#include "sync_queue_rows.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

constexpr int bulk = static_cast<int>(queue_priority::bulk);
constexpr int after_bulk = static_cast<int>(queue_priority::after_bulk);

// A lease or a pause that ends much later than it can was noted before the clock was set back.
constexpr std::string_view is_over = "(not_before <= now() or not_before > now() + interval '2 hours')";

// The order of the rows that wait is that of the index. $1: threshold.
constexpr std::string_view look_at_job = R"(
select job is not null, {},
  (select count(*) from (
    select from ctms_sync_queue q where q.state = 'pending' and q.priority = {} and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
    order by greatest(q.next_attempt_at, q.claimed_until) limit $1::bigint + 1) as waiting) > $1::bigint
from ctms_bulk_job)";

// $1 holder, $2 seconds.
constexpr std::string_view hold_job = R"(
update ctms_bulk_job set holder = $1::uuid, held_until = now() + $2::bigint * interval '1 second'
where holder = $1::uuid or holder is null or held_until < now() or held_until > now() + interval '2 hours'
returning {}, failures, job::text, vendor_job,
  case when asked_at is not null then greatest(extract(epoch from now() - asked_at), 0)::bigint end, contacts)";

const statement let_go_of_job{"bulk_job_let_go",
                              "update ctms_bulk_job set holder = null, held_until = '-infinity' where holder = $1::uuid"};

const statement begin_job{"bulk_job_begin", "update ctms_bulk_job set job = $2::uuid, vendor_job = null, asked_at = null, contacts = 0"
                                            " where holder = $1::uuid and job is null"};

const statement note_job_asked{"bulk_job_asked",
                               "update ctms_bulk_job set asked_at = now(), contacts = $2::bigint where holder = $1::uuid"};

const statement note_job_started{"bulk_job_started", "update ctms_bulk_job set vendor_job = $2 where holder = $1::uuid"};

// $2: milliseconds until the next one may begin, or null.
const statement end_job{"bulk_job_end", R"(
update ctms_bulk_job set job = null, vendor_job = null, asked_at = null, contacts = 0,
  failures = case when $2::bigint is null then 0 else failures + 1 end,
  not_before = case when $2::bigint is null then '-infinity' else now() + $2::bigint * interval '1 millisecond' end
where holder = $1::uuid)"};

constexpr std::string_view claim_waiting = R"(
with due as (
  select q.email_id, q.xmin as seen, greatest(q.next_attempt_at, q.claimed_until) as due_at
  from ctms_sync_queue q
  where q.state = 'pending' and q.priority = {} and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
  order by greatest(q.next_attempt_at, q.claimed_until), q.first_requested_at
  limit $1::bigint for update of q skip locked){}{})";

const statement mark_rows{"bulk_job_mark", R"(
with given as materialized (select * from json_to_recordset($2::json) as one (email_id uuid, version bigint, hash text)),
held as (
  select given.* from given join ctms_sync_queue q using (email_id)
  where q.email_id = any (array(select email_id from given)) and q.claimed_by = $1::uuid order by q.email_id for update of q)
update ctms_sync_queue q set bulk_version = held.version, bulk_hash = held.hash from held
where q.email_id = any (array(select email_id from held)) and q.email_id = held.email_id)"};

constexpr std::string_view these_of_job = R"(
with held as (
  select email_id from ctms_sync_queue
  where claimed_by = $1::uuid and email_id = any (array(select json_array_elements_text($2::json)::uuid)) order by email_id for update)
update ctms_sync_queue q set {} where q.email_id = any (array(select email_id from held)))";

const statement renew_rows{"bulk_job_renew", R"(
with held as (
  select email_id from ctms_sync_queue
  where claimed_by = $1::uuid and claimed_until < now() + $2::bigint * interval '1 second' * 2 / 3
  order by email_id limit $3::bigint for update)
update ctms_sync_queue q set claimed_until = now() + $2::bigint * interval '1 second' where q.email_id = any (array(select email_id from held)))"};

// At most $2 rows.
constexpr std::string_view release_rows = R"(
with held as (
  select email_id from ctms_sync_queue where claimed_by = $1::uuid order by email_id limit $2::bigint for update)
update ctms_sync_queue q set claimed_by = null, claimed_until = null{} where q.email_id = any (array(select email_id from held)))";

const statement& look_statement() {
    static const statement made{"bulk_job_look", fmt::format(look_at_job, is_over, bulk, not_of_a_job)};
    return made;
}

const statement& hold_statement() {
    static const statement made{"bulk_job_hold", fmt::format(hold_job, is_over)};
    return made;
}

const statement& claim_statement() {
    static const statement made{"bulk_job_claim", fmt::format(claim_waiting, bulk, not_of_a_job, claim_due_rows, read_chosen_sql())};
    return made;
}

const statement& put_back_statement() {
    static const statement made{"bulk_job_put_back",
                                fmt::format(these_of_job, fmt::format("claimed_by = null, claimed_until = null, bulk_version = null,"
                                                                      " bulk_hash = null, priority = least(priority, {})",
                                                                      after_bulk))};
    return made;
}

const statement& unmark_statement() {
    static const statement made{"bulk_job_unmark", fmt::format(these_of_job, "bulk_version = null, bulk_hash = null")};
    return made;
}

const statement& release_statement(bulk_end how) {
    static const auto first = fmt::format(", priority = least(priority, {})", after_bulk);
    static const std::string unmarked = ", bulk_version = null, bulk_hash = null";
    static const statement imported{"bulk_job_release_imported", fmt::format(release_rows, first)};
    static const statement by_call{"bulk_job_release_by_call", fmt::format(release_rows, first + unmarked)};
    static const statement again{"bulk_job_release_again", fmt::format(release_rows, unmarked)};
    if (how == bulk_end::imported) return imported;
    return how == bulk_end::by_call ? by_call : again;
}

result<bool> change(database& on, const statement& what, const std::vector<parameter>& parameters) {
    return run(on, [&](connection& db) { return db.query(what, parameters, true).affected() > 0; });
}

std::optional<bulk_hold> read_hold(const rows& found) {
    if (found.empty()) return std::nullopt;
    bulk_hold out;
    out.may_begin = found.boolean(0, 0);
    out.failures = static_cast<int>(found.integer(0, 1));
    if (found.is_null(0, 2)) return out;
    bulk_job job;
    job.id = read_id(found, 0, 2);
    job.vendor_id = found.optional_text(0, 3).value_or("");
    if (!found.is_null(0, 4)) job.asked = std::chrono::seconds(found.integer(0, 4));
    job.contacts = found.integer(0, 5);
    out.job = std::move(job);
    return out;
}

} // namespace

result<bulk_look> bulk_job_repository::look(std::int64_t threshold) {
    return run(db_, [&](connection& db) {
        const auto found = db.query(look_statement(), {std::to_string(threshold)});
        return bulk_look{found.boolean(0, 0), found.boolean(0, 1), found.boolean(0, 2)};
    });
}

result<std::optional<bulk_hold>> bulk_job_repository::hold(const uuid& holder, std::chrono::seconds lease) {
    return run(db_, [&](connection& db) {
        return read_hold(db.query(hold_statement(), {holder.to_string(), std::to_string(lease.count())}, true));
    });
}

result<void> bulk_job_repository::let_go(const uuid& holder) {
    return run(db_, [&](connection& db) { db.query(let_go_of_job, {holder.to_string()}, true); });
}

result<bool> bulk_job_repository::begin(const uuid& holder, const uuid& job) {
    return change(db_, begin_job, {holder.to_string(), job.to_string()});
}

result<bool> bulk_job_repository::note_asked(const uuid& holder, std::int64_t contacts) {
    return change(db_, note_job_asked, {holder.to_string(), std::to_string(contacts)});
}

result<bool> bulk_job_repository::note_started(const uuid& holder, const std::string& vendor_id) {
    return change(db_, note_job_started, {holder.to_string(), vendor_id});
}

result<bool> bulk_job_repository::end(const uuid& holder, const std::optional<std::chrono::milliseconds>& pause) {
    return change(db_, end_job, {holder.to_string(), pause ? parameter(std::to_string(pause->count())) : parameter()});
}

result<std::vector<queued_contact>> bulk_job_repository::claim(const uuid& job, int limit, std::chrono::seconds lease) {
    const std::vector<parameter> parameters{bounded(limit), job.to_string(), std::to_string(lease.count())};
    return run(db_, [&](connection& db) { return read_queued(db.query(claim_statement(), parameters, true)); });
}

result<void> bulk_job_repository::mark(const uuid& job, std::span<const bulk_row> rows) {
    const std::vector<parameter> parameters{job.to_string(), json_rows(rows, [](object_writer& to, const bulk_row& one) {
                                                to.add("email_id", one.email_id.to_string());
                                                to.add("version", one.version);
                                                to.add("hash", one.hash);
                                            })};
    return run(db_, [&](connection& db) { db.query(mark_rows, parameters, true); });
}

result<void> bulk_job_repository::put_back(const uuid& job, std::span<const uuid> email_ids) {
    return run(db_, [&](connection& db) { db.query(put_back_statement(), {job.to_string(), json_ids(email_ids)}, true); });
}

result<std::size_t> bulk_job_repository::unmark(const uuid& job, std::span<const uuid> email_ids) {
    return run(db_, [&](connection& db) { return db.query(unmark_statement(), {job.to_string(), json_ids(email_ids)}, true).affected(); });
}

result<std::size_t> bulk_job_repository::renew(const uuid& job, std::chrono::seconds lease, int limit) {
    const std::vector<parameter> parameters{job.to_string(), std::to_string(lease.count()), bounded(limit)};
    return run(db_, [&](connection& db) { return db.query(renew_rows, parameters, true).affected(); });
}

result<std::size_t> bulk_job_repository::release(const uuid& job, bulk_end how, int limit) {
    const std::vector<parameter> parameters{job.to_string(), bounded(limit)};
    return run(db_, [&](connection& db) { return db.query(release_statement(how), parameters, true).affected(); });
}

} // namespace ctms::persistence
