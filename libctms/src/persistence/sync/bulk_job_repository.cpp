// SPDX-License-Identifier: MPL-2.0
#include "bulk_job_repository.hpp"

#include "queue_priority.hpp"
#include "sync_queue_rows.hpp"
#include "sync_request_sql.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>

#include <fmt/core.h>

namespace ctms::persistence {
namespace {

constexpr int bulk = static_cast<int>(queue_priority::bulk);
constexpr int after_bulk = static_cast<int>(queue_priority::after_bulk);

// A lease or a pause that ends much later than it can was noted before the clock was set back.
constexpr std::string_view is_over = "(not_before <= now() or not_before > now() + interval '2 hours')";

// The same for the next attempt to remove a file.
constexpr std::string_view is_removal_due = "(f.next_attempt_at <= now() or f.next_attempt_at > now() + interval '2 hours')";

// The same for a time of doubt, which is a day at most.
constexpr std::string_view is_doubt_over = "(until <= now() or until > now() + interval '2 days')";

// The order of the rows that wait is that of the index. $1: threshold.
constexpr std::string_view look_at_job = R"(
select job is not null, {},
  (select count(*) from (
    select from ctms_sync_queue q where q.state = 'pending' and q.priority = {} and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
    order by greatest(q.next_attempt_at, q.claimed_until) limit $1::bigint + 1) as waiting) > $1::bigint,
  exists (select from ctms_bulk_files f where f.job is distinct from ctms_bulk_job.job and {})
from ctms_bulk_job)";

// $1 holder, $2 seconds.
constexpr std::string_view hold_job = R"(
update ctms_bulk_job set holder = $1::uuid, held_until = now() + $2::bigint * interval '1 second'
where holder = $1::uuid or holder is null or held_until < now() or held_until > now() + interval '2 hours'
returning {}, failures, job::text, vendor_job,
  case when asked_at is not null then greatest(extract(epoch from now() - asked_at), 0)::bigint end, contacts)";

const statement let_go_of_job{"bulk_job_let_go",
                              "update ctms_bulk_job set holder = null, held_until = '-infinity' where holder = $1::uuid"};

const statement begin_job{"bulk_job_begin", R"(
with begun as (
  update ctms_bulk_job set job = $2::uuid, vendor_job = null, asked_at = null, contacts = 0
  where holder = $1::uuid and job is null returning job)
insert into ctms_bulk_files (path, job) select path, job from begun, json_array_elements_text($3::json) as path order by path)"};

const statement note_job_asked{
    "bulk_job_asked",
    "update ctms_bulk_job set asked_at = now(), contacts = $3::bigint where holder = $1::uuid and job = $2::uuid and asked_at is null"};

const statement note_job_started{"bulk_job_started", "update ctms_bulk_job set vendor_job = $2 where job = $1::uuid"};

// $3: milliseconds until the next one may begin, or null.
const statement end_job{"bulk_job_end", R"(
update ctms_bulk_job set job = null, vendor_job = null, asked_at = null, contacts = 0,
  failures = case when $3::bigint is null then 0 else failures + 1 end,
  not_before = case when $3::bigint is null then '-infinity' else now() + $3::bigint * interval '1 millisecond' end
where holder = $1::uuid and job = $2::uuid)"};

const statement note_files_of_job{
    "bulk_files_note",
    "insert into ctms_bulk_files (path, job) select path, $1::uuid from json_array_elements_text($2::json) as path order by path"
    " on conflict do nothing"};

constexpr std::string_view find_left_files = "select f.path from ctms_bulk_files f, ctms_bulk_job j where f.job is distinct from j.job and "
                                             "{} order by f.next_attempt_at limit $1::bigint";

const statement file_was_removed{"bulk_files_removed", "delete from ctms_bulk_files where path = $1"};

const statement put_file_off{"bulk_files_put_off",
                             "update ctms_bulk_files set next_attempt_at = now() + $2::bigint * interval '1 millisecond' where path = $1"};

// The hash is cleared so that the contact is sent even if its data has not changed.
constexpr std::string_view end_of_doubts = R"(
with over as materialized (
  delete from ctms_bulk_doubts where email_id = any (array(
    select email_id from ctms_bulk_doubts where {} order by until limit $1::bigint for update skip locked))
  returning email_id),
there as materialized (select email_id from over where exists (select from emails e where e.email_id = over.email_id)),
unknown as (update ctms_vendor_state s set main_hash = '' where s.email_id = any (array(select email_id from there))),
asked as ({})
select count(*) from over)";

constexpr std::string_view claim_waiting = R"(
with due as (
  select q.email_id, q.xmin as seen, greatest(q.next_attempt_at, q.claimed_until) as due_at
  from ctms_sync_queue q
  where q.state = 'pending' and q.priority = {} and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
    and $2::uuid = (select job from ctms_bulk_job)
  order by greatest(q.next_attempt_at, q.claimed_until), q.first_requested_at
  limit $1::bigint for update of q skip locked){}{})";

const statement mark_rows{"bulk_job_mark", R"(
with given as materialized (select * from json_to_recordset($2::json) as one (email_id uuid, version bigint, hash text)),
held as (
  select given.* from given join ctms_sync_queue q using (email_id)
  where q.email_id = any (array(select email_id from given)) and q.claimed_by = $1::uuid
    and $1::uuid = (select job from ctms_bulk_job) order by q.email_id for update of q)
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

// $3: seconds.
constexpr std::string_view note_doubts = R"(,
noted as (
  insert into ctms_bulk_doubts as known (email_id, until) select email_id, now() + $3::bigint * interval '1 second' from held order by email_id
  on conflict (email_id) do update set until = greatest(known.until, excluded.until)))";

// At most $2 rows.
constexpr std::string_view release_rows = R"(
with held as (
  select email_id from ctms_sync_queue where claimed_by = $1::uuid order by email_id limit $2::bigint for update){}
update ctms_sync_queue q set claimed_by = null, claimed_until = null{} where q.email_id = any (array(select email_id from held)))";

const statement& look_statement() {
    static const statement made{"bulk_job_look", fmt::format(look_at_job, is_over, bulk, not_of_a_job, is_removal_due)};
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
    static const statement imported{"bulk_job_release_imported", fmt::format(release_rows, "", first)};
    static const statement by_call{"bulk_job_release_by_call", fmt::format(release_rows, "", first + unmarked)};
    static const statement in_doubt{"bulk_job_release_in_doubt", fmt::format(release_rows, note_doubts, first + unmarked)};
    static const statement again{"bulk_job_release_again", fmt::format(release_rows, "", unmarked)};
    switch (how) {
    case bulk_end::imported: return imported;
    case bulk_end::by_call: return by_call;
    case bulk_end::in_doubt: return in_doubt;
    case bulk_end::again: break;
    }
    return again;
}

const statement& left_files_statement() {
    static const statement made{"bulk_files_left", fmt::format(find_left_files, is_removal_due)};
    return made;
}

const statement& end_of_doubts_statement() {
    static const statement made{"bulk_doubts_end",
                                fmt::format(end_of_doubts, is_doubt_over, request_sync_sql(queue_priority::bulk, "there"))};
    return made;
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
        return bulk_look{found.boolean(0, 0), found.boolean(0, 1), found.boolean(0, 2), found.boolean(0, 3)};
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

result<bool> bulk_job_repository::begin(const uuid& holder, const uuid& job, const std::vector<std::string>& paths) {
    return change(db_, begin_job, {holder.to_string(), job.to_string(), json_names(paths)});
}

result<bool> bulk_job_repository::note_asked(const uuid& holder, const uuid& job, std::int64_t contacts) {
    return change(db_, note_job_asked, {holder.to_string(), job.to_string(), std::to_string(contacts)});
}

result<bool> bulk_job_repository::note_started(const uuid& job, const std::string& vendor_id) {
    return change(db_, note_job_started, {job.to_string(), vendor_id});
}

result<bool> bulk_job_repository::end(const uuid& holder, const uuid& job, const std::optional<std::chrono::milliseconds>& pause) {
    return change(db_, end_job, {holder.to_string(), job.to_string(), pause ? parameter(std::to_string(pause->count())) : parameter()});
}

result<void> bulk_job_repository::note_file(const uuid& job, const std::string& path) {
    const std::vector<std::string> paths{path};
    return run(db_, [&](connection& db) { db.query(note_files_of_job, {job.to_string(), json_names(paths)}, true); });
}

result<std::vector<std::string>> bulk_job_repository::left_files(int limit) {
    return run(db_, [&](connection& db) {
        const auto found = db.query(left_files_statement(), {bounded(limit)});
        std::vector<std::string> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.emplace_back(found.text(row, 0));
        return out;
    });
}

result<void> bulk_job_repository::removed(const std::string& path) {
    return run(db_, [&](connection& db) { db.query(file_was_removed, {path}, true); });
}

result<void> bulk_job_repository::not_removed(const std::string& path, std::chrono::milliseconds pause) {
    return run(db_, [&](connection& db) { db.query(put_file_off, {path, std::to_string(pause.count())}, true); });
}

result<std::size_t> bulk_job_repository::end_doubts(int limit) {
    return run(db_, [&](connection& db) {
        return static_cast<std::size_t>(db.query(end_of_doubts_statement(), {bounded(limit)}, true).integer(0, 0));
    });
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

result<std::size_t> bulk_job_repository::release(const uuid& job, bulk_end how, int limit, std::chrono::seconds doubt) {
    std::vector<parameter> parameters{job.to_string(), bounded(limit)};
    if (how == bulk_end::in_doubt) parameters.emplace_back(std::to_string(doubt.count()));
    return run(db_, [&](connection& db) { return db.query(release_statement(how), parameters, true).affected(); });
}

} // namespace ctms::persistence
