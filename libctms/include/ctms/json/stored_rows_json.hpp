// SPDX-License-Identifier: MPL-2.0
// Contacts on their way to bulk writes: the lines of a dump, the API's form of a contact as rows, and the columns of a
// table (CSV) that hold a contact's fields. Functions are pure and thread safe; they throw only std::bad_alloc.
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

/// True for a contact of a dump (its member `format` says so), false for one of the API's form.
[[nodiscard]] CTMS_API bool is_dumped(const body& sent);

/// Reads a contact of a dump. What was stored once may be stored again, so the rules of the API do not apply, only those
/// of the tables: errc::invalid for an id or address that is missing, what is no object or list, one name twice in a list,
/// and NUL characters. Values that do not fit their column are for the database to refuse.
[[nodiscard]] CTMS_API result<model::stored_rows> read_dumped_contact(const body& sent);

/// A contact as rows. Times that it does not have are left to the database.
[[nodiscard]] CTMS_API model::stored_rows to_stored_rows(const model::contact& contact);

/// A column of a table of contacts, and where its value stands in the API's form.
struct CTMS_API contact_column {
    std::string name;         ///< "first_name", "amo_user_id", "mofo_relevant"
    std::string_view group;   ///< "email", "amo", "fxa", "mofo"
    std::string_view member;  ///< name in the group
    bool output_only = false; ///< set by the database: passed over on input
};

/// All of them, in the order of the API. Lists (newsletters, waitlists) are none of them.
[[nodiscard]] CTMS_API const std::vector<contact_column>& contact_columns();

/// What is wrong with an input, in one line: "email.primary_email: field required; ...". No values.
[[nodiscard]] CTMS_API std::string describe(const error& failure);

} // namespace ctms::json
