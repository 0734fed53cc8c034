// SPDX-License-Identifier: MPL-2.0
#include "contact_repository.hpp"

#include "contact_rows.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/replica_reads.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace ctms::persistence {
namespace {

/// A list with a duplicate name violates a unique key, as an id that is already in use does.
bool has_duplicates(const auto& list) {
    std::set<std::string_view> names;
    for (const auto& item : list) {
        if (!names.insert(item.name).second) return true;
    }
    return false;
}

/// Sets the times to what the database has after a write at `when`.
void set_times(model::contact& contact, timestamp when, bool amo_written) {
    contact.email.update_timestamp = when;
    if (!contact.email.create_timestamp) contact.email.create_timestamp = when;
    if (!contact.amo) return;
    if (amo_written || !contact.amo->update_timestamp) contact.amo->update_timestamp = when;
    if (!contact.amo->create_timestamp) contact.amo->create_timestamp = when;
}

/// The contact as it is after the write.
model::contact after_write(const contact_write& one, timestamp when) {
    auto after = one.change->after;
    const bool amo_written = one.before == nullptr || one.change->touch_amo || after.amo != one.before->contact.amo;
    set_times(after, when, amo_written);
    return after;
}

/// Inserts or updates contacts and returns when each was written. Contacts that another writer changed since they were read
/// are missing.
std::map<uuid, timestamp> write(connection& db, const statement& how, std::span<const contact_write> contacts) {
    const auto written = db.query(how, {contacts_parameter(contacts)}, true);
    std::map<uuid, timestamp> out;
    for (std::size_t row = 0; row < written.size(); ++row)
        out.emplace(uuid::parse(written.text(row, 0)).value_or(uuid{}), read_time(written, row, 1));
    return out;
}

std::vector<stored_contact> read_by_id(connection& db, const uuid& email_id) {
    static const statement by_id{"contact_by_id", contact_by_id_sql()};
    return read_stored_contacts(db.query(by_id, {email_id.to_string()}));
}

std::vector<stored_contact> read_by_ids(connection& db, std::span<const uuid> email_ids) {
    static const statement by_ids{"contacts_by_ids", contacts_sql("select distinct unnest($1::uuid[]) as email_id")};
    return read_stored_contacts(db.query(by_ids, {array_of(email_ids)}));
}

/// One attempt at a change: written, refused by `compute`, or neither if another writer was faster.
struct attempt {
    std::optional<model::contact> written;
    std::optional<error> refused;
};

attempt try_change(connection& db, const uuid& email_id, const change_function& compute) {
    const auto found = read_by_id(db, email_id);
    const auto change = compute(found.empty() ? std::nullopt : std::optional(found.front().contact));
    if (!change) return {std::nullopt, change.error()};
    const contact_write one{found.empty() ? nullptr : &found.front(), &*change};
    const auto times = write(db, found.empty() ? insert_contacts_statement() : update_contacts_statement(), {&one, 1});
    if (times.empty()) return {};
    return {after_write(one, times.begin()->second), std::nullopt};
}

/// The last resort for a contact with many concurrent writers: locks its row while changing it.
attempt change_locked(connection& db, const uuid& email_id, const change_function& compute) {
    static const statement lock{"lock_contact", "select 1 from emails where email_id = $1::uuid for update"};
    db.begin();
    db.query(lock, {email_id.to_string()});
    auto done = try_change(db, email_id, compute);
    if (done.written) {
        db.commit();
    } else {
        db.rollback();
    }
    return done;
}

/// The results of changes that were made together; nullopt: not done, to be tried alone.
using outcomes = std::vector<std::optional<result<model::contact>>>;

/// A change that is ready to be written.
struct prepared_change {
    std::size_t place;
    const stored_contact* before;
    contact_change change;
};

/// Calls `compute` for each existing contact, but only once per contact: a second change of the same contact must see the first.
std::vector<prepared_change> prepare(std::span<const contact_to_change> several, const std::vector<stored_contact>& found, outcomes& out) {
    std::map<uuid, const stored_contact*> waiting;
    for (const auto& one : found) waiting.emplace(one.contact.email.email_id, &one);
    std::vector<prepared_change> ready;
    for (std::size_t place = 0; place < several.size(); ++place) {
        const auto stored = waiting.extract(several[place].email_id);
        if (!stored) continue;
        auto change = several[place].compute(stored.mapped()->contact);
        if (change) {
            ready.push_back({place, stored.mapped(), std::move(*change)});
        } else {
            out[place] = change.error();
        }
    }
    return ready;
}

/// Tries changes in one transaction. If one of them cannot be written, none is: that change would fail alone too, but the others
/// must not fail with it and are tried alone.
outcomes try_together(connection& db, std::span<const contact_to_change> several) {
    outcomes out(several.size());
    std::vector<uuid> ids;
    for (const auto& one : several) ids.push_back(one.email_id);
    const auto found = read_by_ids(db, ids);
    const auto ready = prepare(several, found, out);
    if (ready.empty()) return out;
    std::vector<contact_write> writes;
    for (const auto& one : ready) writes.push_back({one.before, &one.change});
    try {
        const auto times = write(db, update_contacts_statement(), writes);
        for (std::size_t i = 0; i < ready.size(); ++i) {
            const auto time = times.find(ready[i].before->contact.email.email_id);
            if (time != times.end()) out[ready[i].place] = after_write(writes[i], time->second);
        }
    } catch (const sql_error& failure) {
        using kind = sql_error::kind;
        const auto why = failure.reason();
        if (why != kind::unique && why != kind::bad_value && why != kind::other && why != kind::timeout && why != kind::retryable) throw;
    }
    return out;
}

/// Whether two inserts of the same id ran at the same time. The second one finds the row of the first when it tries again.
bool is_race_of_inserts(const error& failure, const uuid& email_id, contact_repository& repository) {
    return failure.code == errc::conflict && failure.detail.find("emails_pkey") != std::string::npos &&
           repository.find(email_id).has_value();
}

/// Accepts an answer of the replica only if it is not empty: a contact that has just been stored may still be missing there.
constexpr auto found_any = [](const auto& found) { return !found.empty(); };

} // namespace

contact_repository::contact_repository(database& db, database* replica)
    : db_(db), replica_(replica == nullptr ? nullptr : std::make_shared<replica_reads>(*replica)) {}

result<model::contact> contact_repository::find(const uuid& email_id) {
    auto found = run(db_, [&](connection& db) { return read_by_id(db, email_id); });
    if (!found) return found.error();
    if (found->empty()) return not_found("Unknown email_id");
    return std::move(found->front().contact);
}

result<std::vector<model::contact>> contact_repository::find(std::span<const uuid> email_ids) {
    auto found = run(db_, [&](connection& db) { return read_by_ids(db, email_ids); });
    if (!found) return found.error();
    std::vector<model::contact> out;
    for (auto& one : *found) out.push_back(std::move(one.contact));
    return out;
}

result<std::vector<model::contact>> contact_repository::find(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::contact>(); // not all contacts
    const auto ids = ids_lookup(query);
    const statement what{ids.name, contacts_sql(ids.sql)};
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_contacts(db.query(what, ids.parameters)); },
        found_any);
}

result<std::vector<std::vector<model::contact>>> contact_repository::find_by_addresses(std::span<const std::string> primary_emails) {
    static const statement by_addresses{"contacts_by_addresses", contacts_by_addresses_sql()};
    const auto read = [&](connection& db) {
        return read_contacts_by_address(db.query(by_addresses, {json_names(primary_emails)}), primary_emails.size());
    };
    return run_read(db_, replica_.get(), read, [](const auto& found) { return std::all_of(found.begin(), found.end(), found_any); });
}

result<std::vector<model::identity>> contact_repository::find_identities(const model::identity_query& query) {
    if (query == model::identity_query{}) return std::vector<model::identity>(); // not all contacts
    auto ids = identities_lookup(query);
    const statement what{std::move(ids.name), std::move(ids.sql)};
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(), [&](connection& db) { return read_identities(db.query(what, ids.parameters)); },
        found_any);
}

result<std::size_t> contact_repository::visit_updates(const model::updates_query& query,
                                                      const std::function<void(const model::contact&)>& visit) {
    const auto page = updates_lookup(query);
    const statement what{page.name, contacts_sql(page.sql)};
    const auto found = run_read(
        db_, replica_.get(), [&](connection& db) { return db.query(what, page.parameters); },
        [&](const rows& read) { return count_contacts(read) >= static_cast<std::size_t>(query.limit); });
    if (!found) return found.error();
    return visit_contacts(*found, visit);
}

result<model::contact> contact_repository::create(const model::contact& contact) {
    const contact_change change{contact};
    const contact_write one{nullptr, &change};
    const auto times = run(db_, [&](connection& db) { return write(db, insert_contacts_statement(), {&one, 1}); });
    if (!times) return with_conflicts(times.error(), contact);
    db_.recorder().sync_scheduled(1);
    return after_write(one, times->begin()->second);
}

result<model::contact> contact_repository::change(const uuid& email_id, const change_function& compute) {
    constexpr int quick_tries = 3;
    std::optional<model::contact> wanted; // the result of the last try, to name its conflicts
    const change_function remember = [&](const std::optional<model::contact>& stored) {
        auto change = compute(stored);
        if (change) wanted = change->after;
        return change;
    };
    for (int tries = 0;; ++tries) {
        const bool lock = tries >= quick_tries;
        auto outcome =
            run(db_, [&](connection& db) { return lock ? change_locked(db, email_id, remember) : try_change(db, email_id, remember); });
        if (!outcome) {
            if (tries < quick_tries && is_race_of_inserts(outcome.error(), email_id, *this)) continue;
            auto failure = wanted ? with_conflicts(outcome.error(), *wanted) : outcome.error();
            std::erase(failure.conflicts, "email_id"); // the id belongs to this contact
            return failure;
        }
        if (outcome->refused) return *outcome->refused;
        if (outcome->written) {
            db_.recorder().sync_scheduled(1);
            return std::move(*outcome->written);
        }
        if (lock) return service_unavailable("a contact was changed while it was locked");
    }
}

std::vector<result<model::contact>> contact_repository::change(std::span<const contact_to_change> several) {
    outcomes done(several.size());
    if (several.size() > 1) {
        auto tried = run(db_, [&](connection& db) { return try_together(db, several); });
        const auto written = [](const auto& one) { return one && one->has_value(); };
        if (tried) db_.recorder().sync_scheduled(static_cast<std::uint64_t>(std::count_if(tried->begin(), tried->end(), written)));
        if (tried) done = std::move(*tried);
        if (!tried) std::fill(done.begin(), done.end(), tried.error());
    }
    std::vector<result<model::contact>> out;
    for (std::size_t i = 0; i < several.size(); ++i)
        out.push_back(done[i] ? std::move(*done[i]) : change(several[i].email_id, several[i].compute));
    return out;
}

result<std::vector<model::identity>> contact_repository::remove(const std::string& primary_email) {
    auto removed = run(db_, [&](connection& db) { return read_identities(db.query(delete_contacts_statement(), {primary_email}, true)); });
    if (removed) db_.recorder().sync_scheduled(removed->size());
    return removed;
}

error contact_repository::with_conflicts(error failure, const model::contact& contact) {
    if (failure.code != errc::conflict) return failure;
    const auto taken = run(db_, [&](connection& db) { return db.query(find_conflicts_statement(), find_conflicts_parameters(contact)); });
    if (!taken) return taken.error();
    failure.conflicts.clear();
    for (std::size_t row = 0; row < taken->size(); ++row) failure.conflicts.emplace_back(taken->text(row, 0));
    if (has_duplicates(contact.newsletters)) failure.conflicts.emplace_back("newsletters");
    if (has_duplicates(contact.waitlists)) failure.conflicts.emplace_back("waitlists");
    return failure;
}

} // namespace ctms::persistence
