// SPDX-License-Identifier: MPL-2.0
// Writes of one contact in a transaction that the caller begins and commits, so that something else commits with them. They lock the
// contact before they compute its new content. Private to the library. They throw sql_error; then nothing may be committed.
#pragma once

#include "contact_repository.hpp"
#include "write_options.hpp"

#include <ctms/model/author.hpp>

#include <persistence/postgres/connection.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

/// Keeps a contact from being deleted until the end of the transaction. Throws sql_error{retryable} if it does not exist.
void hold_contact(connection& db, const uuid& email_id);

/// Stores a new contact, as contact_repository::create() does. The only error is that of an address that is kept out: nothing is written
/// then. A unique value that is already used is an sql_error.
[[nodiscard]] result<model::contact> insert_contact(connection& db, const model::contact& contact, const model::author& by,
                                                    const write_options& how);

/// Changes a contact, or inserts one, as contact_repository::change() does. Returns the error of `compute`, or that of an address that is
/// kept out, which may be committed: nothing is written then.
[[nodiscard]] result<model::contact> change_contact(connection& db, const contact_to_change& wanted, const write_options& how);

/// Deletes all contacts with this address, as contact_repository::remove() does. Returns the error of `check`, which may be committed:
/// nothing is deleted then. Without a check it takes one round trip.
[[nodiscard]] result<std::vector<model::identity>> remove_contacts(connection& db, const std::string& primary_email,
                                                                   const model::author& by, const removal_check& check, bool keeps_history);

} // namespace ctms::persistence
