// SPDX-License-Identifier: MPL-2.0
// The statements that write contacts together with their entries in the sync queue. Private to this layer.
#pragma once

#include "contact_repository.hpp"
#include "contact_rows.hpp"

#include <persistence/postgres/connection.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// One contact to write.
struct contact_write {
    const stored_contact* before; ///< as it was read; null for a new contact
    const contact_change* change;
    std::string_view client{}; ///< who changes it; "" if unknown
};

/// Inserts complete contacts and puts them into the queue and into ctms_changes, in one statement and so in one transaction. $1: see
/// contacts_parameter; $2: how long it waits for a lock on a row, in milliseconds. Returns the email_id of each and the time of its write,
/// in microseconds since 1970.
[[nodiscard]] const statement& insert_contacts_statement();

/// Writes the differences between two states of contacts and puts them into the queue and into ctms_changes, also in one statement. Skips a
/// contact, and does not return it, if its emails row no longer has the version that was read, or if another transaction has locked that
/// row or the contact's row in the queue. Waits only for another transaction that is inserting the same key.
[[nodiscard]] const statement& update_contacts_statement();

/// The first parameter of both statements. Must contain each contact at most once.
[[nodiscard]] std::string contacts_parameter(std::span<const contact_write> contacts);

/// Deletes the contacts with address $1 for the client $2 and returns their ids in the columns of identities_lookup.
[[nodiscard]] const statement& delete_contacts_statement();

/// Returns the names of the fields whose unique values, $1 to $5, another contact has, or that of the id if it is in use.
[[nodiscard]] const statement& find_conflicts_statement();
[[nodiscard]] std::vector<parameter> find_conflicts_parameters(const model::contact& contact);

} // namespace ctms::persistence
