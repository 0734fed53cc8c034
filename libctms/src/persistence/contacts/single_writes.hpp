// SPDX-License-Identifier: MPL-2.0
// Writes of one contact in a transaction that the caller begins and commits, so that something else commits with them. They lock the
// contact before they compute its new content. Private to the library. They throw sql_error; then nothing may be committed.
#pragma once

#include "contact_repository.hpp"

#include <persistence/postgres/connection.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// Stores a new contact, as contact_repository::create() does. A unique value that is already used is an sql_error.
[[nodiscard]] model::contact insert_contact(connection& db, const model::contact& contact, std::string_view client,
                                            std::chrono::milliseconds longest_wait);

/// Changes a contact, or inserts one, as contact_repository::change() does. Returns the error of `compute`, which may be committed: nothing
/// is written then. Waits at most `longest_wait` for each lock.
[[nodiscard]] result<model::contact> change_contact(connection& db, const contact_to_change& wanted,
                                                    std::chrono::milliseconds longest_wait);

/// Deletes all contacts with this address, as contact_repository::remove() does. Returns the error of `check`, which may be committed:
/// nothing is deleted then. Without a check it takes one round trip.
[[nodiscard]] result<std::vector<model::identity>> remove_contacts(connection& db, const std::string& primary_email,
                                                                   std::string_view client, const removal_check& check);

} // namespace ctms::persistence
