// SPDX-License-Identifier: MPL-2.0
// Prepares contacts for bulk writes: reads the lines of a dump, converts contacts to rows, and lists the CSV columns of a contact's fields.
// Pure functions, thread safe; they throw only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/model/contact.hpp>
#include <ctms/model/stored_rows.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::json {

/// Returns true for a contact of a dump (it has the member `format`), false for one in the form of the API.
[[nodiscard]] CTMS_API bool is_dumped(const body& sent);

/// Reads a contact of a dump. Anything that was stored can be stored again, so only the rules of the tables apply, not those of the API.
/// Returns errc::invalid if the id or the address is missing, if a group is not an object or a list is not a list, if a list repeats a
/// name, and for NUL characters, NaN and Infinity. The database checks whether values fit their columns.
[[nodiscard]] CTMS_API result<model::stored_rows> read_dumped_contact(const body& sent);

/// Returns a contact as rows. The database sets the times that the contact does not have.
[[nodiscard]] CTMS_API model::stored_rows to_stored_rows(const model::contact& contact);

/// A CSV column, and the place of its value in the form of the API.
struct CTMS_API contact_column {
    std::string name;         ///< "first_name", "amo_user_id", "mofo_relevant"
    std::string_view group;   ///< "email", "amo", "fxa", "mofo"
    std::string_view member;  ///< name of the field in the group
    bool output_only = false; ///< set by the database: ignored on input
};

/// Returns all columns, in the order of the API, without the lists (newsletters, waitlists).
[[nodiscard]] CTMS_API const std::vector<contact_column>& contact_columns();

/// Returns the errors of an input as one line, without values: "email.primary_email: field required; ...".
[[nodiscard]] CTMS_API std::string describe(const error& failure);

} // namespace ctms::json
