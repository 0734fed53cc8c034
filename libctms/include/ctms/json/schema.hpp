// SPDX-License-Identifier: MPL-2.0
// The API's resources as JSON schemas in the dialect of OpenAPI 3.0, generated from the tables that also define reading and writing. Each
// call builds the texts again: call once and keep them. Thread safe; throws only std::bad_alloc.
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

} // namespace ctms::json
