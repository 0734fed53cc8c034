// SPDX-License-Identifier: MPL-2.0
#include "contact_rows.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"
#include "pool.hpp"
#include "replica_reads.hpp"

#include <ctms/persistence/contacts.hpp>

#include <set>
#include <utility>

namespace ctms::persistence {
namespace {

/// A list that names one thing twice breaks the same unique keys as a taken id.
bool has_duplicates(const auto& list) {
    std::set<std::string_view> names;
    for (const auto& item : list) {
        if (!names.insert(item.name).second) return true;
    }
    return false;
}

timestamp time_of(const rows& written) { return timestamp(std::chrono::microseconds(written.integer(0, 0))); }

/// Times as the database has them after a write at `when`.
void set_times(model::contact& contact, timestamp when, bool amo_written) {
    contact.email.update_timestamp = when;
    if (!contact.email.create_timestamp) contact.email.create_timestamp = when;
    if (!contact.amo) return;
    if (amo_written || !contact.amo->update_timestamp) contact.amo->update_timestamp = when;
    if (!contact.amo->create_timestamp) contact.amo->create_timestamp = when;
}

/// A contact as it was read, and the version of its emails row.
struct versioned_contact {
    std::optional<model::contact> contact;
    std::string version;
};

versioned_contact read_for_change(connection& db, const uuid& email_id) {
    static const std::string sql = contact_for_change_sql();
    static const statement for_change{"contact_for_change", sql.c_str()};
    const auto found = db.query(for_change, {email_id.to_string()});
    versioned_contact out{std::nullopt, read_version(found)};
    if (!out.version.empty()) out.contact = std::move(read_contacts(found).front());
    return out;
}

/// Writes what becomes of a contact. nullopt when somebody else wrote it since it was read.
std::optional<model::contact> write_change(connection& db, const versioned_contact& before, const contact_change& change) {
    auto after = change.after;
    if (!before.contact) {
        set_times(after, time_of(db.query(insert_contact_statement(), insert_contact_parameters(after), true)), true);
        return after;
    }
    const auto written = db.query(update_contact_statement(), update_contact_parameters(*before.contact, before.version, change), true);
    if (written.empty()) return std::nullopt;
    set_times(after, time_of(written), change.touch_amo || after.amo != before.contact->amo);
    return after;
}

/// One try of a change: written, refused by `compute`, or neither: somebody else was quicker.
struct attempt {
    std::optional<model::contact> written;
    std::optional<error> refused;
};

attempt try_change(connection& db, const uuid& email_id, const change_function& compute) {
    const auto before = read_for_change(db, email_id);
    const auto change = compute(before.contact);
    if (!change) return {std::nullopt, change.error()};
    return {write_change(db, before, *change), std::nullopt};
}

/// The last resort on a contact that many write: holds its row while it is changed.
attempt change_locked(connection& db, const uuid& email_id, const change_function& compute) {
    static constexpr statement lock{"lock_contact", "select 1 from emails where email_id = $1::uuid for update"};
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

/// Two inserts of one id at the same time: the second finds the row of the first when it tries again.
bool is_race_of_inserts(const error& failure, const uuid& email_id, contact_repository& repository) {
    return failure.code == errc::conflict && failure.detail.find("emails_pkey") != std::string::npos &&
           repository.find(email_id).has_value();
}

/// Of a replica's answer: who has just been stored is at the primary already.
constexpr auto found_any = [](const auto& found) { return !found.empty(); };

} // namespace

result<model::contact> contact_repository::find(const uuid& email_id) {
    static const std::string sql = contact_by_id_sql();
    static const statement by_id{"contact_by_id", sql.c_str()};
    auto found = run(db_, [&](connection& db) { return read_contacts(db.query(by_id, {email_id.to_string()})); });
    if (!found) return found.error();
    if (found->empty()) return error{errc::not_found, "Unknown email_id", {}, {}, {}};
    return std::move(found->front());
}

result<std::vector<model::contact>> contact_repository::find(std::span<const uuid> email_ids) {
    static const std::string sql = contacts_sql("select distinct unnest($1::uuid[]) as email_id");
    static const statement by_ids{"contacts_by_ids", sql.c_str()};
    std::string array = "{";
    for (const auto& id : email_ids) array += (array.size() > 1 ? "," : "") + id.to_string();
    array += '}';
    return run(db_, [&](connection& db) { return read_contacts(db.query(by_ids, {array})); });
}

result<std::vector<model::contact>> contact_repository::find(const model::identity_query& query) {
    const auto ids = ids_lookup(query);
    const auto sql = contacts_sql(ids.sql);
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(),
        [&](connection& db) {
            return read_contacts(db.query({ids.name.c_str(), sql.c_str()}, ids.parameters));
        },
        found_any);
}

result<std::vector<model::identity>> contact_repository::find_identities(const model::identity_query& query) {
    const auto lookup = identities_lookup(query);
    return run_read(
        db_, query.email_id ? nullptr : replica_.get(),
        [&](connection& db) {
            return read_identities(db.query({lookup.name.c_str(), lookup.sql.c_str()}, lookup.parameters));
        },
        found_any);
}

result<std::size_t> contact_repository::visit_updates(const model::updates_query& query,
                                                      const std::function<void(const model::contact&)>& visit) {
    const auto page = updates_lookup(query);
    const auto sql = contacts_sql(page.sql);
    const auto found = run_read(
        db_, replica_.get(),
        [&](connection& db) {
            return db.query({page.name.c_str(), sql.c_str()}, page.parameters);
        },
        [&](const rows& read) { return count_contacts(read) >= static_cast<std::size_t>(query.limit); });
    if (!found) return found.error();
    return visit_contacts(*found, visit);
}

result<model::contact> contact_repository::create(const model::contact& contact) {
    const auto written = run(db_, [&](connection& db) { return write_change(db, {}, {contact}).value(); });
    if (!written) return with_conflicts(written.error(), contact);
    db_.recorder().sync_scheduled(1);
    return *written;
}

result<model::contact> contact_repository::change(const uuid& email_id, const change_function& compute) {
    constexpr int quick_tries = 3;
    std::optional<model::contact> wanted; // of the last try, to name its conflicts
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
            std::erase(failure.conflicts, "email_id"); // it is the contact's own
            return failure;
        }
        if (outcome->refused) return *outcome->refused;
        if (outcome->written) {
            db_.recorder().sync_scheduled(1);
            return std::move(*outcome->written);
        }
        if (lock) return error{errc::unavailable, "Service temporarily unavailable", "a contact was changed while it was locked", {}, {}};
    }
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
