// SPDX-License-Identifier: MPL-2.0
// An erasure locks its rows in the order of other writers: the contacts by id, Stripe's objects as their messages lock them, the sync
// queue, ctms_changes, and then the rest.
#include "erasure_repository.hpp"

#include "history_sql.hpp"
#include "parked_names.hpp"
#include "personal_data.hpp"
#include "write_options.hpp"

#include <persistence/postgres/address_list.hpp>
#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/suppression.hpp>
#include <persistence/postgres/time_columns.hpp>
#include <persistence/sync/note_change_sql.hpp>
#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ctms::persistence {
namespace {

// What an erasure leaves: the entry in the feed, and records of exports, which have only the id; what the deletion at the vendor needs,
// until the vendor has confirmed it; what other programs just wrote, which moves to the queue within a second; holds, which forbid the
// erasure; and kept answers, which a trigger empties: that their keys were used must stay known, or a repeated request would store the
// person again.
constexpr std::array<std::string_view, 9> left{"ctms_bulk_doubts", "ctms_changes",      "ctms_audit_log",
                                               "ctms_sync_queue",  "ctms_vendor_state", "ctms_erasure_contacts",
                                               "ctms_inbox",       "ctms_holds",        "ctms_kept_answers"};

/// Whether the statement below erases the rows of a source. The objects that are parked are searched in another way.
bool is_erased(const personal_source& one) {
    return one.table != "ctms_stripe_parked" && std::find(left.begin(), left.end(), one.table) == left.end();
}

std::string contacts_with_address(std::string_view lock) {
    return fmt::format(R"({}
select t.email_id::text from (select distinct address from form) wanted join emails t on lower(t.primary_email) = wanted.address
order by t.email_id {})",
                       with_address_forms, lock);
}

const statement find_contacts{"erasure_find_contacts", contacts_with_address("")};
const statement lock_contacts{"erasure_lock", contacts_with_address("for update of t")};

// The names are those that stripe_repository locks.
const statement lock_objects{"erasure_lock_objects", fmt::format(R"(
with {}
select pg_advisory_xact_lock(key) from (
  select hashtextextended(name, 0) as key from (
    select 'fxa:' || fxa_id as name from accounts union all select 'customer:' || stripe_id from customers
    union all select 'subscription:' || stripe_id from subscriptions union all select 'invoice:' || stripe_id from invoices) as named
  order by 1) as keys)",
                                                                 persons_ids_sql())};

/// Queues the deletion, notes it in the feed, and deletes all rows of a contact. With `keeps_history`, the history then says only who
/// erased the contact, in the request $3. Returns how many rows of Stripe's objects there were.
std::string erase_sql(bool keeps_history) {
    auto out = fmt::format("with e as materialized (select email_id, primary_email from emails where email_id = $1::uuid), {},\nq as ({}),"
                           "\nch as ({})",
                           persons_ids_sql(), request_deletion_sql("e"), note_change_sql(noted::deleted, "$2", "e"));
    if (keeps_history) out += fmt::format(",\nh as ({})", record_change_sql(noted::deleted, {.client = "$2", .request_id = "$3"}, "e"));
    std::string stripe = "0";
    const auto sources = personal_sources();
    for (auto one = sources.rbegin(); one != sources.rend(); ++one) {
        if (!is_erased(*one)) continue;
        out += fmt::format(",\nof_{0} as (delete from {0} t where {1} returning 1)", one->table, one->rows);
        if (one->table.starts_with("stripe_") || one->table == "ctms_stripe_lines")
            stripe += fmt::format(" + (select count(*) from of_{})", one->table);
    }
    return out + "\nselect " + stripe;
}

const statement& erase_statement(bool keeps_history) {
    static const statement made{"erasure_erase", erase_sql(false)};
    static const statement recorded{"erasure_erase_recorded", erase_sql(true)};
    return keeps_history ? recorded : made;
}

// The contacts of which the vendor has not confirmed the deletion: also those that others deleted. Each gets another version, so that the
// deletion is sent once more if its call is under way: its end could not see the receipt, and would confirm nothing.
const statement waiting_deletions{"erasure_waiting", fmt::format(R"({},
queued as (
  update ctms_sync_queue q set version = version + 1
  where operation = 'delete' and primary_email is not null and lower(primary_email) = any (array(select address from form))
    and not exists (select from emails e where e.email_id = q.email_id)
  returning email_id)
select email_id::text from queued
union select email_id::text from ctms_inbox noted
where what = 'delete' and lower(primary_email) = any (array(select address from form))
  and not exists (select from emails e where e.email_id = noted.email_id))",
                                                                 with_address_forms)};

// The answers about contacts in $2, and about deleted contacts with the address. All are locked in order of their key, because other
// deletions may share some of them, and the trigger only knows one contact at a time.
const statement lock_answers{"erasure_lock_answers", fmt::format(R"({},
gone as materialized (
  select email_id from ctms_sync_queue
  where operation = 'delete' and primary_email is not null and lower(primary_email) = any (array(select address from form))
  union select email_id from ctms_inbox where what = 'delete' and lower(primary_email) = any (array(select address from form)))
select from ctms_kept_answers
where email_ids && (array(select json_array_elements_text($2::json)::uuid) || array(select email_id from gone))
order by digest for update)",
                                                                 with_address_forms)};

// A repeated DELETE gets an answer with the addresses that it deleted. The trigger has emptied the answers before.
const statement empty_answers{"erasure_empty_answers",
                              "update ctms_kept_answers set request = null, entity_tag = '', location = '', body = '', email_ids = '{}'"
                              " where email_ids && array(select json_array_elements_text($1::json)::uuid)"};

const statement earlier_erasure{"erasure_earlier", "select erasure_id::text from ctms_erasure_contacts"
                                                   " where email_id = any (array(select json_array_elements_text($1::json)::uuid))"
                                                   " order by erasure_id limit 1"};

const statement add_receipt{"erasure_add", R"(
insert into ctms_erasures (erasure_id, contacts, stripe_objects, parked_objects, suppressed, waiting)
select $1::uuid, $2::integer, $3::bigint, $4::bigint, $5::boolean, $2::integer
where (select count(*) from (select from ctms_erasures limit $6::integer) as few) < $6::integer
returning erasure_id)"};

const statement add_waiting{"erasure_add_waiting", "insert into ctms_erasure_contacts (email_id, erasure_id)"
                                                   " select json_array_elements_text($2::json)::uuid, $1::uuid"};

const statement note_suppressed{"erasure_note_suppressed", "update ctms_erasures set suppressed = true where erasure_id = $1::uuid"};

const statement suppress{"erasure_suppress", R"(
insert into ctms_suppressed (hash, address_hash, key_id)
select decode(json_array_elements_text($1::json), 'hex'), decode($2, 'hex'), $3 on conflict do nothing)"};

// A contact `c` is waiting until the vendor has confirmed its deletion, and stopped if the sync does not work on that any more.
std::string is_stopped(std::string_view queue) {
    return fmt::format("not exists (select from {} q where q.email_id = c.email_id and q.operation = 'delete' and q.state = 'pending')"
                       " and not exists (select from ctms_inbox i where i.email_id = c.email_id and i.what = 'delete')",
                       queue);
}

std::string receipts_sql(std::string_view which) {
    return fmt::format(R"(
select erasure_id::text, {}, contacts, stripe_objects, parked_objects, suppressed, waiting, {}, (
  select count(*) from ctms_erasure_contacts c where c.erasure_id = r.erasure_id and {})
from ctms_erasures r where {})",
                       microseconds_sql("requested_at"), microseconds_sql("confirmed_at"), is_stopped("ctms_sync_queue"), which);
}

// Does what the sync does when the vendor has confirmed. A contact that exists again stays: the sync sends it. The rows of the queue are
// locked first and read as they are then, because `sync retry` may be making a deletion pending again.
const statement confirm_stopped{"erasure_confirm", fmt::format(R"(
with held as materialized (
  select q.email_id, q.operation, q.state from ctms_sync_queue q
  where q.email_id in (select email_id from ctms_erasure_contacts where erasure_id = $1::uuid) order by q.email_id for update of q),
stopped as materialized (
  select c.email_id from ctms_erasure_contacts c where c.erasure_id = $1::uuid and {}
    and not exists (select from emails e where e.email_id = c.email_id)),
unqueued as (
  delete from ctms_sync_queue q where q.email_id = any (array(select email_id from stopped)) and q.operation = 'delete' and q.state = 'parked'
  returning 1),
unsent as (
  delete from ctms_vendor_state s where s.email_id = any (array(select email_id from stopped)) and (select count(*) from unqueued) >= 0
  returning 1),
told as (
  delete from ctms_erasure_contacts t where t.erasure_id = $1::uuid and t.email_id = any (array(select email_id from stopped))
    and (select count(*) from unsent) >= 0
  returning 1),
confirmed as (
  update ctms_erasures r set waiting = r.waiting - told_of.contacts, confirmed_at = clock_timestamp()
  from (select count(*)::integer as contacts from told) as told_of where r.erasure_id = $1::uuid and told_of.contacts > 0)
select count(*) from told)",
                                                               is_stopped("held"))};

model::erasure read_receipt(const rows& found, std::size_t row) {
    model::erasure out;
    out.id = uuid::parse(found.text(row, 0)).value_or(uuid{});
    out.requested_at = read_time(found, row, 1);
    out.contacts = found.integer(row, 2);
    out.stripe_objects = found.integer(row, 3);
    out.parked_objects = found.integer(row, 4);
    out.suppressed = found.boolean(row, 5);
    out.waiting = found.integer(row, 6);
    out.confirmed_at = read_optional_time(found, row, 7);
    using enum model::vendor_erasure;
    out.vendor = out.contacts == 0 ? nothing : out.waiting == 0 ? confirmed : found.integer(row, 8) > 0 ? stopped : waiting;
    return out;
}

std::optional<model::erasure> read_one(connection& db, const std::string& erasure_id) {
    static const statement one{"erasure_find", receipts_sql("r.erasure_id = $1::uuid")};
    const auto found = db.query(one, {erasure_id});
    return found.empty() ? std::nullopt : std::optional(read_receipt(found, 0));
}

std::vector<std::string> first_column(const rows& found) {
    std::vector<std::string> out;
    for (std::size_t row = 0; row < found.size(); ++row) out.emplace_back(found.text(row, 0));
    return out;
}

/// What an erasure finds out before it locks anything.
struct preparation {
    json::person_names names;
    parked_search parked;
};

preparation prepare(connection& db, const std::string& primary_email) {
    preparation out;
    out.names.addresses.insert(primary_email);
    for (const auto& id : first_column(db.query(find_contacts, {json_names(std::array{primary_email})}))) add_names(db, id, out.names);
    search_parked(db, out.names, out.parked);
    return out;
}

/// One erasure.
class erasing {
public:
    erasing(connection& db, const write_options& how, const person_to_erase& whom, preparation prepared)
        : db_(db), how_(how), whom_(whom), prepared_(std::move(prepared)) {}

    /// Returns nullopt if there are too many receipts, or the person has got other names since the preparation.
    std::optional<model::erasure_request> run() {
        db_.begin();
        db_.execute(fmt::format("select 1 from {}", we_are_the_writer));
        const auto form = json_names(std::array{whom_.primary_email});
        const auto contacts = first_column(db_.query(lock_contacts, {form}));
        names_.addresses.insert(whom_.primary_email);
        for (const auto& id : contacts) {
            db_.query(lock_objects, {id});
            add_names(db_, id, names_);
        }
        if (has_other_names()) return std::nullopt;
        db_.query(lock_answers, {form, json_names(contacts)});
        for (const auto& id : contacts) erase_contact(id);
        search_parked(db_, names_, prepared_.parked);
        parked_objects_ = remove_parked(db_, names_, prepared_.parked);
        if (whom_.suppress) keep_out();
        const auto deleted = first_column(db_.query(waiting_deletions, {form}, true));
        if (!deleted.empty()) db_.query(empty_answers, {json_names(deleted)}, true);
        auto id = contacts.empty() ? earlier_receipt(deleted) : std::nullopt;
        const bool is_new = !id;
        if (is_new) id = new_receipt(deleted);
        if (!id) return std::nullopt;
        if (!is_new && whom_.suppress) db_.query(note_suppressed, {*id}, true);
        const auto receipt = read_one(db_, *id).value();
        db_.commit();
        return model::erasure_request{receipt, is_new};
    }

    /// Whether the person has names that the preparation did not search for.
    [[nodiscard]] bool has_other_names() const { return !includes(prepared_.names, names_); }

private:
    void erase_contact(const std::string& email_id) {
        std::vector<parameter> parameters{email_id, std::string(whom_.by.client)};
        if (how_.keeps_history) parameters.emplace_back(std::string(whom_.by.request_id));
        stripe_objects_ += db_.query(erase_statement(how_.keeps_history), parameters, true).integer(0, 0);
    }

    /// Stores the hashes that the current key makes.
    void keep_out() {
        const auto address = hashes_of_address(db_, how_.suppression, whom_.primary_email).front();
        std::vector<std::string> hashes{address};
        for (const auto& one : names_.accounts) hashes.push_back(hashes_of(how_.suppression, suppressed_kind::account, one).front());
        for (const auto& one : names_.customers) hashes.push_back(hashes_of(how_.suppression, suppressed_kind::customer, one).front());
        db_.query(suppress, {json_names(hashes), address, key_ids(how_.suppression).front()}, true);
    }

    std::optional<std::string> earlier_receipt(const std::vector<std::string>& deleted) {
        const auto found = db_.query(earlier_erasure, {json_names(deleted)});
        return found.empty() ? std::nullopt : std::optional(std::string(found.text(0, 0)));
    }

    std::optional<std::string> new_receipt(const std::vector<std::string>& deleted) {
        const auto id = uuid::random().to_string();
        const auto added = db_.query(add_receipt,
                                     {id, std::to_string(deleted.size()), std::to_string(stripe_objects_), std::to_string(parked_objects_),
                                      whom_.suppress ? "t" : "f", std::to_string(erasure_repository::most_receipts)},
                                     true);
        if (added.empty()) return std::nullopt;
        if (!deleted.empty()) db_.query(add_waiting, {id, json_names(deleted)}, true);
        return id;
    }

    connection& db_;
    const write_options& how_;
    const person_to_erase& whom_;
    preparation prepared_;
    json::person_names names_; ///< of the locked contacts
    std::int64_t stripe_objects_ = 0;
    std::int64_t parked_objects_ = 0;
};

} // namespace

result<model::erasure_request> erasure_repository::erase(const person_to_erase& whom) {
    constexpr int most_attempts = 5;
    const auto how = write_options_of(db_);
    bool is_changed = true;
    for (int attempt = 0; is_changed && attempt < most_attempts; ++attempt) {
        const auto prepared = run(db_, [&](connection& db) { return prepare(db, whom.primary_email); });
        if (!prepared) return prepared.error();
        const auto done = run(db_, [&](connection& db) {
            erasing one(db, how, whom, *prepared);
            auto out = one.run();
            is_changed = one.has_other_names();
            return out;
        });
        if (!done) return done.error();
        if (!*done) continue;
        if ((*done)->is_new) db_.recorder().sync_scheduled(static_cast<std::size_t>((*done)->receipt.waiting));
        return **done;
    }
    if (is_changed) return service_unavailable("the contact was changed by others all the time");
    return service_unavailable(fmt::format("there are {} receipts of erasures, which is the maximum", most_receipts));
}

result<std::optional<model::erasure>> erasure_repository::find(const uuid& erasure_id) {
    return run(db_, [&](connection& db) { return read_one(db, erasure_id.to_string()); });
}

result<std::vector<model::erasure>> erasure_repository::list_pending(int limit) {
    static const statement list{"erasure_list", receipts_sql("r.waiting > 0 order by r.requested_at limit $1::integer")};
    return run(db_, [&](connection& db) {
        const auto found = db.query(list, {std::to_string(limit)});
        std::vector<model::erasure> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_receipt(found, row));
        return out;
    });
}

result<model::pending_erasures> erasure_repository::count_pending() {
    static const statement count{"erasure_count", "select count(*), coalesce(extract(epoch from now() - min(requested_at)), 0)::bigint"
                                                  " from ctms_erasures where waiting > 0"};
    return run(db_, [](connection& db) {
        const auto found = db.query(count, {});
        return model::pending_erasures{found.integer(0, 0), std::chrono::seconds(std::max<std::int64_t>(found.integer(0, 1), 0))};
    });
}

result<std::int64_t> erasure_repository::confirm_stopped(const uuid& erasure_id) {
    return run(db_, [&](connection& db) { return db.query(persistence::confirm_stopped, {erasure_id.to_string()}, true).integer(0, 0); });
}

result<std::size_t> erasure_repository::forget(std::chrono::seconds age, int limit) {
    static const statement forget{"erasure_forget", R"(
delete from ctms_erasures where erasure_id = any (array(
  select erasure_id from ctms_erasures where waiting = 0 and requested_at < clock_timestamp() - $1::bigint * interval '1 second'
  order by requested_at limit $2::integer))
returning 1)"};
    return run(db_, [&](connection& db) { return db.query(forget, {std::to_string(age.count()), std::to_string(limit)}, true).size(); });
}

} // namespace ctms::persistence
