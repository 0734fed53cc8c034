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

/// The version of the contact's row in ctms_documents, in the statements below.
inline constexpr std::string_view seen_document_sql = "(select d.xmin::text from ctms_documents d where d.email_id = e.email_id)";

/// Reads the one contact whose email_id is $1.
[[nodiscard]] std::string contact_by_id_sql();

/// Reads the contacts whose ids `selection` yields, a query with one column `email_id`. It may use parameters.
[[nodiscard]] std::string contacts_sql(std::string_view selection);

/// A contact as it was read.
struct stored_contact {
    model::contact contact;
    std::string version;    ///< of its emails row; every write of that row changes it
    std::string document{}; ///< the version of its row in ctms_documents; "" if it has none
};

/// Converts rows of these statements (in any order) to contacts, sorted by email_id, with their lists sorted by name.
[[nodiscard]] std::vector<model::contact> read_contacts(const rows& found);

/// Like read_contacts, with the versions.
[[nodiscard]] std::vector<stored_contact> read_stored_contacts(const rows& found);

/// Returns how many contacts the rows are of.
[[nodiscard]] std::size_t count_contacts(const rows& found);

/// Passes the contacts to `visit` one at a time, sorted by (update_timestamp, email_id).
void visit_contacts(const rows& found, const std::function<void(const stored_contact&)>& visit);

} // namespace ctms::persistence
