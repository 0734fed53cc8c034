// SPDX-License-Identifier: MPL-2.0
// How contacts lie in the database: the statements that read them, and rows into contacts.
// Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/model/contact.hpp>

#include <functional>
#include <vector>

namespace ctms::persistence {

/// Reads the one contact whose email_id is $1.
[[nodiscard]] std::string contact_by_id_sql();

/// The same, with one more row that tells the version of its emails row (see read_version).
[[nodiscard]] std::string contact_for_change_sql();

/// Reads the contacts whose ids `selection` yields: a query with one column `email_id`; parameters are its own.
[[nodiscard]] std::string contacts_sql(std::string_view selection);

/// Rows of these statements (in any order) into contacts, in order of email_id, their lists in order of name.
[[nodiscard]] std::vector<model::contact> read_contacts(const rows& found);

/// The same, but one contact at a time, in order of (update_timestamp, email_id). How many there were.
std::size_t visit_contacts(const rows& found, const std::function<void(const model::contact&)>& visit);

/// How many contacts there are in rows of these statements.
[[nodiscard]] std::size_t count_contacts(const rows& found);

/// Which version of its emails row a contact was read at: every write makes a new one. "" without a contact.
[[nodiscard]] std::string read_version(const rows& found);

} // namespace ctms::persistence
