// SPDX-License-Identifier: MPL-2.0
// The statements that write contacts, each with its entry in the sync's queue. Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/model/contact.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

struct contact_change; // ctms/persistence/contacts.hpp

/// Inserts a contact with everything on it and puts it into the queue: one statement, so one transaction.
/// Gives back the time of both, in microseconds since 1970.
[[nodiscard]] const statement& insert_contact_statement();
[[nodiscard]] std::vector<parameter> insert_contact_parameters(const model::contact& contact);

/// Writes the difference between two states of a contact, if its emails row still has the version that was read; gives
/// back the time of the write as above, or no row when somebody else wrote meanwhile.
[[nodiscard]] const statement& update_contact_statement();
[[nodiscard]] std::vector<parameter> update_contact_parameters(const model::contact& before, const std::string& version,
                                                               const contact_change& change);

/// Deletes the contacts of address $1 and gives back their ids, as identities_lookup does.
[[nodiscard]] const statement& delete_contacts_statement();

/// The expression that puts a contact into the queue, due now: a row that is there already counts one version more and
/// loses its failures. Must stand in the output of a statement: PostgreSQL passes over a CTE that nobody reads.
[[nodiscard]] std::string schedule_sync_sql(std::string_view email_id);

/// The names of the unique values of $1.. that other contacts, or contacts of the same id, have already.
[[nodiscard]] const statement& find_conflicts_statement();
[[nodiscard]] std::vector<parameter> find_conflicts_parameters(const model::contact& contact);

} // namespace ctms::persistence
