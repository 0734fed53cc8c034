// SPDX-License-Identifier: MPL-2.0
// Reads contacts from the database: the statements, and the conversion of rows to contacts.
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

/// Reads the contacts whose ids `selection` yields, a query with one column `email_id`. It may use parameters.
[[nodiscard]] std::string contacts_sql(std::string_view selection);

/// Reads the contacts of the addresses in $1, a JSON array. Additional rows say which address found which contact (see
/// read_contacts_by_address).
[[nodiscard]] std::string contacts_by_addresses_sql();

/// A contact as it was read.
struct stored_contact {
    model::contact contact;
    std::string version; ///< of its emails row; every write changes it
};

/// Converts rows of these statements (in any order) to contacts, sorted by email_id, with their lists sorted by name.
[[nodiscard]] std::vector<model::contact> read_contacts(const rows& found);

/// Like read_contacts, with the versions.
[[nodiscard]] std::vector<stored_contact> read_stored_contacts(const rows& found);

/// Passes the contacts to `visit` one at a time, sorted by (update_timestamp, email_id). Returns how many there were.
std::size_t visit_contacts(const rows& found, const std::function<void(const model::contact&)>& visit);

/// The contacts of each of `count` addresses, in the order of the addresses, from rows of contacts_by_addresses_sql().
[[nodiscard]] std::vector<std::vector<model::contact>> read_contacts_by_address(const rows& found, std::size_t count);

} // namespace ctms::persistence
