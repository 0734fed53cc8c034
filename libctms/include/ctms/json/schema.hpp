// SPDX-License-Identifier: MPL-2.0
// What a contact consists of: the API's resources as JSON schemas in the dialect of OpenAPI 3.0, and the columns of CSV files. Generated
// from the tables that also define reading and writing. Each call of schemas() builds the texts again: call it once and keep them. Thread
// safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::json {

/// A schema of `components/schemas`.
struct CTMS_API named_schema {
    std::string_view name; ///< e.g. "ContactInSchema"
    std::string text;      ///< a JSON object; refers to others as `#/components/schemas/{name}`
};

/// Returns all schemas of the API, in order of name: contacts in all forms, their parts, responses and errors.
[[nodiscard]] CTMS_API std::vector<named_schema> schemas();

/// The schema of one field, for a query parameter.
struct CTMS_API field_schema {
    std::string_view name;        ///< name of the parameter
    std::string_view description; ///< one sentence
    std::string text;             ///< a JSON object without description and example
};

/// Returns the nine ids that contacts can be looked up by, in the order of the API.
[[nodiscard]] CTMS_API std::vector<field_schema> identity_fields();

/// A CSV column, and the place of its value in the form of the API.
struct CTMS_API contact_column {
    std::string name;         ///< "first_name", "amo_user_id", "mofo_relevant"
    std::string_view group;   ///< "email", "amo", "fxa", "mofo"
    std::string_view member;  ///< name of the field in the group
    bool output_only = false; ///< set by the database: ignored on input
    bool required = false;    ///< must be present on input
};

/// Returns all columns, in the order of the API, without the lists (newsletters, waitlists).
[[nodiscard]] CTMS_API const std::vector<contact_column>& contact_columns();

} // namespace ctms::json
