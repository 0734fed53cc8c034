// SPDX-License-Identifier: MPL-2.0
// How contacts lie in the database: the statements that read them, and rows into contacts.
// Private to this layer.
#pragma once

#include <ctms/model/contact.hpp>

#include <persistence/postgres/connection.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// Reads the one contact whose email_id is $1.
[[nodiscard]] std::string contact_by_id_sql();

/// Reads the contacts whose ids `selection` yields: a query with one column `email_id`; parameters are its own.
[[nodiscard]] std::string contacts_sql(std::string_view selection);

/// Reads the contacts of the addresses in $1, a JSON array; which address found which stands in rows of its own (see
/// read_contacts_by_address).
[[nodiscard]] std::string contacts_by_addresses_sql();

/// A contact as it was read.
struct stored_contact {
    model::contact contact;
    std::string version; ///< of its emails row: every write makes a new one
};

/// Rows of these statements (in any order) into contacts, in order of email_id, their lists in order of name.
[[nodiscard]] std::vector<model::contact> read_contacts(const rows& found);

/// The same, with their versions.
[[nodiscard]] std::vector<stored_contact> read_stored_contacts(const rows& found);

/// The same, but one contact at a time, in order of (update_timestamp, email_id). How many there were.
std::size_t visit_contacts(const rows& found, const std::function<void(const model::contact&)>& visit);

/// What each of `count` addresses found, in their order, from rows of contacts_by_addresses_sql().
[[nodiscard]] std::vector<std::vector<model::contact>> read_contacts_by_address(const rows& found, std::size_t count);

/// How many contacts there are in rows of these statements.
[[nodiscard]] std::size_t count_contacts(const rows& found);

} // namespace ctms::persistence
