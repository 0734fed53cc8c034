// SPDX-License-Identifier: MPL-2.0
// The statements that write contacts, each with its entry in the sync's queue. Private to this layer.
#pragma once

#include "contact_rows.hpp"

#include <ctms/persistence/contact_repository.hpp>

#include <persistence/postgres/connection.hpp>

#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// One contact that is to be written.
struct contact_write {
    const stored_contact* before; ///< what was read; null: there is none yet
    const contact_change* change;
};

/// Inserts contacts with everything on them and puts them into the queue: one statement, so one transaction. $1: see
/// contacts_parameter. Gives back email_id and the time of the write, in microseconds since 1970, of each.
[[nodiscard]] const statement& insert_contacts_statement();

/// Writes the differences between two states of contacts and puts them into the queue, likewise. Whose emails row has not the
/// version that was read, or is held by somebody else, is passed over and not among those given back.
[[nodiscard]] const statement& update_contacts_statement();

/// The one parameter of both. Each contact at most once.
[[nodiscard]] std::string contacts_parameter(std::span<const contact_write> contacts);

/// Deletes the contacts of address $1 and gives back their ids, as identities_lookup does.
[[nodiscard]] const statement& delete_contacts_statement();

/// The names of the unique values of $1.. that other contacts, or contacts of the same id, have already.
[[nodiscard]] const statement& find_conflicts_statement();
[[nodiscard]] std::vector<parameter> find_conflicts_parameters(const model::contact& contact);

} // namespace ctms::persistence
