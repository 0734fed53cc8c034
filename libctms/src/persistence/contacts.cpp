// SPDX-License-Identifier: MPL-2.0
#include "contact_rows.hpp"
#include "contact_write.hpp"
#include "identity_sql.hpp"
#include "pool.hpp"

#include <ctms/persistence/contacts.hpp>

#include <set>

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

} // namespace

result<model::contact> contact_repository::find(const uuid& email_id) {
    static const std::string sql = contact_by_id_sql();
    static const statement by_id{"contact_by_id", sql.c_str()};
    auto found = run(db_, [&](connection& db) { return read_contacts(db.query(by_id, {email_id.to_string()})); });
    if (!found) return found.error();
    if (found->empty()) return error{errc::not_found, "Unknown email_id", {}, {}, {}};
    return std::move(found->front());
}

result<std::vector<model::contact>> contact_repository::find(const model::identity_query& query) {
    const auto ids = ids_lookup(query);
    const auto sql = contacts_sql(ids.sql);
    return run(db_, [&](connection& db) { return read_contacts(db.query({ids.name.c_str(), sql.c_str()}, ids.parameters)); });
}

result<std::vector<model::identity>> contact_repository::find_identities(const model::identity_query& query) {
    const auto lookup = identities_lookup(query);
    return run(db_, [&](connection& db) {
        const auto found = db.query({lookup.name.c_str(), lookup.sql.c_str()}, lookup.parameters);
        std::vector<model::identity> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.push_back(read_identity(found, row));
        return out;
    });
}

result<model::contact> contact_repository::create(const model::contact& contact) {
    const auto parameters = insert_contact_parameters(contact);
    const auto inserted = run(db_, [&](connection& db) {
        return timestamp(std::chrono::microseconds(db.query(insert_contact_statement(), parameters, true).integer(0, 0)));
    });
    if (inserted) {
        db_.recorder().sync_scheduled();
        auto stored = contact;
        stored.email.create_timestamp = stored.email.update_timestamp = *inserted;
        if (stored.amo) stored.amo->create_timestamp = stored.amo->update_timestamp = *inserted;
        return stored;
    }
    auto failure = inserted.error();
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
