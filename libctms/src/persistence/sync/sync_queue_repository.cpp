// SPDX-License-Identifier: MPL-2.0
// Each call is one statement. A statement finds the rows that it has chosen again by `= any (array(...))`: for a join, the planner
// would assume that a limit in a parameter selects a tenth of the table, and would read all of it.
//
// Under READ COMMITTED a statement that waited for a lock sees the newest version of the row that it locks, but everything
// else as it was when the statement began. A decision about a row is therefore made where the row is locked or
// updated. Statements that lock several rows lock them in order of email_id, as the writes of contacts do, or skip those
// that others have locked.
#include "sync_queue_repository.hpp"

#include "note_change_sql.hpp"
#include "sync_queue_rows.hpp"
#include "sync_request_sql.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace ctms::persistence {
namespace {

// Goes from one priority to the next, so that rows that are not due yet are not read.
constexpr std::string_view priorities = R"(
with recursive levels (priority) as (
  (select priority from ctms_sync_queue where state = 'pending' order by priority limit 1)
  union all
  select (select q.priority from ctms_sync_queue q where q.state = 'pending' and q.priority > levels.priority order by q.priority limit 1)
  from levels where levels.priority is not null))";

// A level is read only if those before it did not give enough rows. A row that changed since the statement began (its xmin
// differs) is left for the next claim, because the vendor state is read as it was before that change.
constexpr std::string_view due_rows = R"(,
due as (
  select one.* from levels cross join lateral (
    select q.email_id, q.xmin as seen, greatest(q.next_attempt_at, q.claimed_until) as due_at
    from ctms_sync_queue q
    where q.state = 'pending' and q.priority = levels.priority and greatest(q.next_attempt_at, q.claimed_until) <= now(){}
    order by greatest(q.next_attempt_at, q.claimed_until), q.first_requested_at
    limit $1::bigint {}) as one
  {}
  limit $1::bigint))";

// An attempt in the future happened before the clock was set back.
constexpr std::string_view untried_rows = R"(
      and ($5::bigint is null
        or (q.last_attempt_at between now() - $5::bigint * interval '1 millisecond' and now()) is not true))";

constexpr std::string_view claim_due_rows = R"(,
chosen as (
  update ctms_sync_queue q set claimed_by = $2::uuid, claimed_until = now() + $3::bigint * interval '1 second'
  from due where q.email_id = any (array(select email_id from due)) and q.email_id = due.email_id and q.xmin = due.seen
  returning q.*, due.due_at))";

constexpr std::string_view look_at_due_rows = R"(,
chosen as (
  select q.*, due.due_at from due join ctms_sync_queue q using (email_id)
  where q.email_id = any (array(select email_id from due))))";

// A contact that exists is never deleted at the vendor, whatever was asked last: another program may have created it again.
constexpr std::string_view read_chosen_rows = R"(
select c.email_id::text, c.operation = 'delete' and not exists (select from emails e where e.email_id = c.email_id), c.primary_email, c.version, c.retry, {}, {},
       s.main_hash, s.newsletter_hash, s.product_hash, array_to_json(s.newsletters)::text, array_to_json(s.products)::text,
       (select k.names from ctms_vendor_columns k where k.id = s.columns_id), c.priority
from chosen c left join ctms_vendor_state s using (email_id)
order by c.priority, c.due_at, c.first_requested_at)";

// At most $1 rows. $2: the seconds that a time may lie ahead.
constexpr std::string_view bring_rows_back = R"(,
far as (
  select one.email_id from levels cross join lateral (
    select q.email_id from ctms_sync_queue q
    where q.state = 'pending' and q.priority = levels.priority
      and greatest(q.next_attempt_at, q.claimed_until) > now() + $2::bigint * interval '1 second'
    order by greatest(q.next_attempt_at, q.claimed_until)
    limit $1::bigint for update of q skip locked) as one
  limit $1::bigint)
update ctms_sync_queue q set next_attempt_at = least(q.next_attempt_at, now()),
  claimed_until = case when q.claimed_until is not null then least(q.claimed_until, now() + $2::bigint * interval '1 second') end
where q.email_id = any (array(select email_id from far)))";

// The order is that of the index, so that the planner uses the index instead of searching all rows.
constexpr std::string_view any_due_row = R"(
(select from ctms_inbox where what in ('upsert', 'delete') limit 1)
union all
(select from levels cross join lateral (
  select from ctms_sync_queue q
  where q.state = 'pending' and q.priority = levels.priority and greatest(q.next_attempt_at, q.claimed_until) <= now()
  order by greatest(q.next_attempt_at, q.claimed_until)
  limit 1) as one
limit 1))";

const statement renew_claims{"sync_queue_renew", R"(
with held as (select email_id from ctms_sync_queue where claimed_by = $1::uuid order by email_id for update)
update ctms_sync_queue q set claimed_until = now() + $2::bigint * interval '1 second'
from held where q.email_id = held.email_id)"};

const statement release_claims{"sync_queue_release", R"(
with held as (
  select email_id from ctms_sync_queue
  where claimed_by = $1::uuid and ($2::json is null or email_id = any (array(select json_array_elements_text($2::json)::uuid)))
  order by email_id for update)
update ctms_sync_queue q set claimed_by = null, claimed_until = null
from held where q.email_id = held.email_id)"};

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

// An insert of what the vendor has of the contacts in `{}`, which has the columns of json_states().
constexpr std::string_view note_state = R"(
insert into ctms_vendor_state as stored (email_id, main_hash, newsletter_hash, product_hash, newsletters, products, columns_id)
select email_id, main_hash, newsletter_hash, product_hash, array(select json_array_elements_text(newsletters)),
  array(select json_array_elements_text(products)), 
  (select k.id from ctms_vendor_columns k where md5(k.names) = md5(columns))
from {} order by email_id
on conflict (email_id) do update set main_hash = excluded.main_hash, newsletter_hash = excluded.newsletter_hash,
  product_hash = excluded.product_hash, newsletters = excluded.newsletters, products = excluded.products,
  columns_id = excluded.columns_id{})";

// The contacts of json_states() in $2 whose rows the worker $1 holds. `{0}` are further columns.
constexpr std::string_view held_contacts = R"(
with given as materialized (
  select * from json_to_recordset($2::json) as one (email_id uuid, version bigint, is_gone boolean, is_deletion boolean, main_hash text, newsletter_hash text,
    product_hash text, newsletters json, products json, columns text)),
held as materialized (
  select given.*{0} from given join ctms_sync_queue q using (email_id)
  where q.email_id = any (array(select email_id from given)) and q.claimed_by = $1::uuid order by q.email_id{1}))";

// Removes the Python service's rows of the contacts in the CTE `gone`. Skips rows that are locked: a transaction that deletes
// a contact locks them before it waits for our row, and deletes them itself.
constexpr std::string_view remove_reference_rows = R"(
reference as (
  delete from pending_acoustic where id = any (array(
    select p.id from pending_acoustic p where p.email_id = any (array(select email_id from gone)) for update of p skip locked))))";

// If a contact was gone when it was sent, and exists by now, it is sent again. Otherwise its erasure is confirmed, if the vendor was told
// to delete it.
constexpr std::string_view is_same_version =
    ", q.version = given.version and (not given.is_gone or not exists (select from emails e where e.email_id = q.email_id)) as same";
constexpr std::string_view complete_contacts = R"(,
gone as (
  delete from ctms_sync_queue q using held
  where q.email_id = any (array(select email_id from held where same)) and q.email_id = held.email_id returning q.email_id),
kept as (
  update ctms_sync_queue q set claimed_by = null, claimed_until = null, first_requested_at = q.last_requested_at
  where q.email_id = any (array(select email_id from held where not same))),
unsent as (delete from ctms_vendor_state s where s.email_id = any (array(select email_id from held where is_gone))),
told as (
  delete from ctms_erasure_contacts t where t.email_id = any (array(select email_id from held where is_deletion and same)) returning t.erasure_id),
confirmed as (
  update ctms_erasures r set waiting = r.waiting - told_of.contacts, confirmed_at = clock_timestamp()
  from (select erasure_id, count(*)::integer as contacts from told group by erasure_id order by erasure_id) as told_of
  where r.erasure_id = told_of.erasure_id),
noted as ({}),{}
select count(*) from gone)";

// The one contact of json_states(). $3 reason, $4 whether to give up, $5 whether the failure counts, $6 limit of failures, $7 milliseconds
// to wait.
constexpr std::string_view fail_contact = R"(
with given as materialized (
  select * from json_to_recordset($2::json) as one (email_id uuid, version bigint, is_gone boolean, main_hash text, newsletter_hash text,
    product_hash text, newsletters json, products json, columns text)),
failed as (
  update ctms_sync_queue q set
    claimed_by = null, claimed_until = null,
    last_error = case when q.version = given.version then $3 else last_error end,
    last_attempt_at = case when q.version = given.version then now() else last_attempt_at end,
    retry = case when q.version = given.version and $5::boolean then retry + 1 else retry end,
    state = case when q.version = given.version and ($4::boolean or ($5::boolean and retry + 1 >= $6::integer)) then 'parked' else state end,
    next_attempt_at = case when q.version = given.version then now() + $7::bigint * interval '1 millisecond' else next_attempt_at end
  from given where q.email_id = given.email_id and q.claimed_by = $1::uuid
  returning q.email_id, q.state),
noted as ({})
select state = 'parked' from failed)";

// At most $1 rows.
constexpr std::string_view remove_rows = R"(
with doomed as (
  select email_id from ctms_sync_queue where {} limit $1::bigint for update skip locked),
gone as (
  delete from ctms_sync_queue where email_id = any (array(select email_id from doomed)) returning email_id),{}
select count(*) from gone)";

// At most $1 rows. The condition is only about the row itself, so that it is checked again when a deletion has changed the row since the
// statement began. A deletion stays, even if the contact was created again: the claim sees whether it exists.
constexpr std::string_view discard_rows = R"(
with doomed as (
  select email_id from ctms_sync_queue q where operation = 'upsert' order by email_id limit $1::bigint for update skip locked),
gone as (
  delete from ctms_sync_queue where email_id = any (array(select email_id from doomed)) returning email_id),
remembered as (
  insert into ctms_sync_skipped (email_id) select email_id from gone order by email_id on conflict do nothing),{}
select count(*) from gone)";

constexpr std::string_view list_parked = "select email_id::text, operation = 'delete' and not exists (select from emails e"
                                         " where e.email_id = q.email_id), retry, coalesce(last_error, ''), {}"
                                         " from ctms_sync_queue q where state = 'parked'"
                                         " order by last_requested_at desc, email_id limit $1::bigint";

// At most $1 rows.
constexpr std::string_view retry_rows = R"(
with chosen as (
  select email_id from ctms_sync_queue where {} limit $1::bigint for update skip locked)
update ctms_sync_queue set state = 'pending', retry = 0, next_attempt_at = now(), last_error = null
where email_id = any (array(select email_id from chosen)))";

constexpr const char* all_parked = "state = 'parked' order by priority"; // that of the index
constexpr const char* these_parked =
    "state = 'parked' and email_id = any (array(select json_array_elements_text($2::json)::uuid)) order by email_id";

std::string chosen_rows_sql(std::string_view filter, std::string_view lock, std::string_view which, std::string_view choose) {
    return std::string(priorities) + fmt::format(due_rows, filter, lock, which) + std::string(choose) +
           fmt::format(read_chosen_rows, microseconds_sql("c.first_requested_at"), microseconds_sql("c.last_attempt_at"));
}

const statement& any_due_statement() {
    static const statement made{"sync_queue_any_due", std::string(priorities) + std::string(any_due_row)};
    return made;
}

const statement& bring_back_statement() {
    static const statement made{"sync_queue_bring_back", std::string(priorities) + std::string(bring_rows_back)};
    return made;
}

const statement& claim_statement() {
    static const statement made{"sync_queue_claim", chosen_rows_sql(untried_rows, "for update of q skip locked",
                                                                    "where levels.priority < $4::integer", claim_due_rows)};
    return made;
}

const statement& peek_statement() {
    static const statement made{"sync_queue_peek", chosen_rows_sql("", "", "", look_at_due_rows)};
    return made;
}

// Separate functions: written in place, clang would destroy the inner string at each call and not only when `made` is created.
std::string complete_sql() {
    return fmt::format(held_contacts, is_same_version, " for update of q") +
           fmt::format(complete_contacts, fmt::format(note_state, "held where not is_gone", ", sent_at = now()"), remove_reference_rows);
}
std::string fail_sql() {
    return fmt::format(fail_contact,
                       fmt::format(note_state, "failed join given using (email_id) where main_hash is not null", ", sent_at = now()"));
}
std::string note_states_sql() { return fmt::format(held_contacts, "", "") + fmt::format(note_state, "held", ""); }

const statement& note_states_statement() {
    static const statement made{"sync_queue_note_states", note_states_sql()};
    return made;
}

const statement& complete_statement() {
    static const statement made{"sync_queue_complete", complete_sql()};
    return made;
}

const statement& fail_statement() {
    static const statement made{"sync_queue_fail", fail_sql()};
    return made;
}

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

const statement& discard_statement() {
    static const statement made{"sync_queue_discard", fmt::format(discard_rows, remove_reference_rows)};
    return made;
}

const statement& parked_statement() {
    static const statement made{"sync_queue_parked", fmt::format(list_parked, microseconds_sql("last_requested_at"))};
    return made;
}

const statement& retry_statement(bool all) {
    static const statement every{"sync_queue_retry_all", fmt::format(retry_rows, all_parked)};
    static const statement some{"sync_queue_retry", fmt::format(retry_rows, these_parked)};
    return all ? every : some;
}

const statement& forget_statement(bool all) {
    static const statement every{"sync_queue_forget_all", fmt::format(remove_rows, all_parked, remove_reference_rows)};
    static const statement some{"sync_queue_forget", fmt::format(remove_rows, these_parked, remove_reference_rows)};
    return all ? every : some;
}

constexpr std::size_t batch_size = 5'000;       // a statement must end within its timeout
constexpr int drain_size = 1'000;               // writes of these contacts wait until the statement ends
constexpr std::size_t most_column_sets = 1'000; // that a worker remembers
constexpr int small_drain_size = 20;            // if another transaction holds one of them

/// Runs `batch`, which returns how many rows it processed, until there are no more.
template <class Batch>
result<std::size_t> in_batches(database& db, Batch batch) {
    for (std::size_t total = 0;;) {
        const auto done = run(db, batch);
        if (!done) return done.error();
        total += *done;
        if (*done < batch_size) return total;
    }
}

/// The rows that a change of parked rows applies to; nullopt for all.
using parked_choice = std::optional<std::span<const uuid>>;

std::vector<parameter> batch_parameters(const parked_choice& which) {
    std::vector<parameter> out{std::to_string(batch_size)};
    if (which) out.emplace_back(json_ids(*which));
    return out;
}

result<std::size_t> retry(database& on, const parked_choice& which) {
    const auto parameters = batch_parameters(which);
    return in_batches(on, [&](connection& db) { return db.query(retry_statement(!which), parameters, true).affected(); });
}

result<std::size_t> forget(database& on, const parked_choice& which) {
    const auto parameters = batch_parameters(which);
    return in_batches(
        on, [&](connection& db) { return static_cast<std::size_t>(db.query(forget_statement(!which), parameters, true).integer(0, 0)); });
}

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

result<std::vector<queued_contact>> sync_queue_repository::claim(const uuid& worker, int limit, std::chrono::seconds lease, int below,
                                                                 const std::optional<std::chrono::milliseconds>& untried_for) {
    const std::vector<parameter> parameters{bounded(limit), worker.to_string(), std::to_string(lease.count()), std::to_string(below),
                                            untried_for ? parameter(std::to_string(untried_for->count())) : parameter()};
    return run(db_, [&](connection& db) { return read_queued(db.query(claim_statement(), parameters, true)); });
}

result<std::vector<queued_contact>> sync_queue_repository::peek(int limit) {
    return run(db_, [&](connection& db) { return read_queued(db.query(peek_statement(), {bounded(limit)})); });
}

result<bool> sync_queue_repository::any_due() {
    return run(db_, [](connection& db) { return !db.query(any_due_statement(), {}).empty(); });
}

result<void> sync_queue_repository::bring_times_back() {
    constexpr int most_batches = 10;
    const std::vector<parameter> parameters{std::to_string(drain_size), std::to_string(longest_ahead.count())};
    for (int batch = 0; batch < most_batches; ++batch) {
        const auto moved = run(db_, [&](connection& db) { return db.query(bring_back_statement(), parameters, true).affected(); });
        if (!moved) return moved.error();
        if (*moved < static_cast<std::size_t>(drain_size)) break;
    }
    return {};
}

result<std::size_t> sync_queue_repository::renew(const uuid& worker, std::chrono::seconds lease) {
    return run(db_, [&](connection& db) {
        return db.query(renew_claims, {worker.to_string(), std::to_string(lease.count())}, true).affected();
    });
}

result<void> sync_queue_repository::keep_columns(std::span<const sent_contact> contacts) {
    static const statement keep{"vendor_columns_keep", "insert into ctms_vendor_columns (names) values ($1) on conflict do nothing"};
    for (const auto& one : contacts) {
        if (!one.state) continue;
        const auto names = json_names(one.state->columns);
        const std::lock_guard lock(*columns_mutex_);
        if (columns_.contains(names)) continue;
        if (const auto kept = run(db_, [&](connection& db) { db.query(keep, {names}, true); }); !kept) return kept.error();
        if (columns_.size() == most_column_sets) columns_.clear();
        columns_.insert(names);
    }
    return {};
}

result<void> sync_queue_repository::note_states(const uuid& worker, std::span<const sent_contact> states) {
    if (auto kept = keep_columns(states); !kept) return kept;
    return run(db_, [&](connection& db) { db.query(note_states_statement(), {worker.to_string(), json_states(states)}, true); });
}

result<std::size_t> sync_queue_repository::complete(const uuid& worker, std::span<const sent_contact> contacts) {
    if (const auto kept = keep_columns(contacts); !kept) return kept.error();
    const std::vector<parameter> parameters{worker.to_string(), json_states(contacts)};
    return run(db_,
               [&](connection& db) { return static_cast<std::size_t>(db.query(complete_statement(), parameters, true).integer(0, 0)); });
}

result<bool> sync_queue_repository::fail(const uuid& worker, const queued_contact& contact, const failed_attempt& how,
                                         const std::optional<vendor_state>& partly) {
    const std::array known{sent_contact{contact.email_id, contact.version, partly}};
    if (const auto kept = keep_columns(known); !kept) return kept.error();
    const std::vector<parameter> parameters{worker.to_string(),
                                            json_states(known),
                                            how.reason,
                                            how.give_up ? "t" : "f",
                                            how.counts ? "t" : "f",
                                            std::to_string(how.limit),
                                            std::to_string(how.wait.count())};
    return run(db_, [&](connection& db) {
        const auto found = db.query(fail_statement(), parameters, true);
        return !found.empty() && found.boolean(0, 0);
    });
}

result<void> sync_queue_repository::release(const uuid& worker, const std::optional<std::span<const uuid>>& email_ids) {
    const std::vector<parameter> parameters{worker.to_string(), email_ids ? parameter(json_ids(*email_ids)) : parameter()};
    return run(db_, [&](connection& db) { db.query(release_claims, parameters, true); });
}

result<std::size_t> sync_queue_repository::discard(int limit) {
    return run(
        db_, [&](connection& db) { return static_cast<std::size_t>(db.query(discard_statement(), {bounded(limit)}, true).integer(0, 0)); });
}

result<std::vector<model::parked_contact>> sync_queue_repository::parked(int limit) {
    return run(db_, [&](connection& db) {
        const auto found = db.query(parked_statement(), {bounded(limit)});
        std::vector<model::parked_contact> out;
        for (std::size_t row = 0; row < found.size(); ++row) {
            out.push_back({read_id(found, row, 0), found.boolean(row, 1), static_cast<int>(found.integer(row, 2)),
                           std::string(found.text(row, 3)), read_time(found, row, 4)});
        }
        return out;
    });
}

result<std::size_t> sync_queue_repository::retry_parked(std::span<const uuid> email_ids) { return retry(db_, email_ids); }
result<std::size_t> sync_queue_repository::retry_all_parked() { return retry(db_, std::nullopt); }
result<std::size_t> sync_queue_repository::forget_parked(std::span<const uuid> email_ids) { return forget(db_, email_ids); }
result<std::size_t> sync_queue_repository::forget_all_parked() { return forget(db_, std::nullopt); }

} // namespace ctms::persistence
