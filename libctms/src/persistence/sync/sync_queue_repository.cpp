// SPDX-License-Identifier: MPL-2.0
// Each call is one statement. A statement finds the rows that it has chosen again by `= any (array(...))`: for a join, the planner
// would assume that a limit in a parameter selects a tenth of the table, and would read all of it.
//
// Under READ COMMITTED a statement that waited for a lock sees the newest version of the row that it locks, but everything
// else as it was when the statement began. A decision about a row is therefore made where the row is locked or
// updated. Statements that lock several rows lock them in order of email_id, as the writes of contacts do, or skip those
// that others have locked.
#include "sync_queue_repository.hpp"

#include "sync_queue_rows.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace ctms::persistence {
namespace {

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

// What the vendor has is forgotten only after a deletion: a contact that was gone when it was sent still has one to come, which needs it.
// If a contact was gone when it was sent, and exists by now, it is sent again. Otherwise its erasure is confirmed, if the vendor was told
// to delete it. A deletion that a bulk job may still undo is repeated, at least once an hour, until that cannot happen any more.
constexpr std::string_view is_same_version = R"(,
  case when given.is_deletion and q.version = given.version then (
    select least(d.until, now() + interval '1 hour') from ctms_bulk_doubts d where d.email_id = q.email_id
      and d.until > now() and d.until <= now() + interval '2 days') end as again_at,
  q.version = given.version and (not given.is_gone or not exists (select from emails e where e.email_id = q.email_id)) as same_version)";
constexpr std::string_view complete_contacts = R"(,
done as materialized (select *, same_version and again_at is null as same from held),
gone as (
  delete from ctms_sync_queue q using done
  where q.email_id = any (array(select email_id from done where same)) and q.email_id = done.email_id returning q.email_id),
kept as (
  update ctms_sync_queue q set claimed_by = null, claimed_until = null,
    first_requested_at = case when done.same_version then done.again_at else q.last_requested_at end,
    next_attempt_at = case when done.same_version then done.again_at else q.next_attempt_at end
  from done where q.email_id = any (array(select email_id from done where not same)) and q.email_id = done.email_id),
unsent as (delete from ctms_vendor_state s where s.email_id = any (array(select email_id from done where is_deletion and again_at is null))),
told as (
  delete from ctms_erasure_contacts t where t.email_id = any (array(select email_id from done where is_deletion and same)) returning t.erasure_id),
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
  returning q.email_id, q.state, q.version = given.version as same_version),
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

// Without the hashes if the contact was requested again while it was sent: a resync sends it whatever was sent before.
constexpr std::string_view sent_states = R"((
  select email_id, newsletters, products, columns, case when same_version then main_hash else '' end as main_hash,
    case when same_version then newsletter_hash else '' end as newsletter_hash,
    case when same_version then product_hash else '' end as product_hash
  from {}) as sent)";

// Separate functions: written in place, clang would destroy the inner string at each call and not only when `made` is created.
std::string complete_sql() {
    return fmt::format(held_contacts, is_same_version, " for update of q") +
           fmt::format(complete_contacts, fmt::format(note_state, fmt::format(sent_states, "held where not is_gone"), ", sent_at = now()"),
                       remove_reference_rows);
}
std::string fail_sql() {
    const auto sent = fmt::format(sent_states, "failed join given using (email_id) where main_hash is not null");
    return fmt::format(fail_contact, fmt::format(note_state, sent, ", sent_at = now()"));
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
constexpr std::size_t most_column_sets = 1'000; // that a worker remembers

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
