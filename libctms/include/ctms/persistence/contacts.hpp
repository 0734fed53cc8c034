// SPDX-License-Identifier: MPL-2.0
// Stored contacts: the tables emails, amo, fxa, mofo, newsletters, waitlists and the sync's queue.
// Thread safe; each call is one transaction and as few round trips as it can be. Every write puts the contact into
// the queue of the sync in the same transaction: both happen or neither.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/persistence/database.hpp>

#include <vector>

namespace ctms::persistence {

class contact_repository {
public:
    explicit contact_repository(database& db) : db_(db) {}

    /// The contact with all its groups, in one round trip. errc::not_found when there is none.
    [[nodiscard]] result<model::contact> find(const uuid& email_id);

    /// All contacts that match every id of the query, in order of email_id. One round trip.
    [[nodiscard]] result<std::vector<model::contact>> find(const model::identity_query& query);

    /// The ids of all contacts that match every id of the query, in order of email_id. One round trip.
    [[nodiscard]] result<std::vector<model::identity>> find_identities(const model::identity_query& query);

    /// Stores a new contact and gives it back as stored, with its timestamps. One round trip.
    /// errc::conflict when a unique value is taken, with the names of all that are (email_id first); nothing is stored then.
    [[nodiscard]] result<model::contact> create(const model::contact& contact);

private:
    database& db_;
};

} // namespace ctms::persistence
