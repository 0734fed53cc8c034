// SPDX-License-Identifier: MPL-2.0
// The API's resources as JSON schemas, in the dialect of OpenAPI 3.0, made from the tables that also read and write
// them. Every call builds its texts anew: call once and keep them. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace ctms::json {

/// A schema as it stands under `components/schemas`.
struct CTMS_API named_schema {
    std::string_view name; ///< e.g. "ContactInSchema"
    std::string text;      ///< a JSON object; refers to others as `#/components/schemas/{name}`
};

/// Every schema of the API: contacts in all forms, their parts, answers and errors. In order of name.
[[nodiscard]] CTMS_API std::vector<named_schema> schemas();

/// One field by itself, for a parameter of a query.
struct CTMS_API field_schema {
    std::string_view name;        ///< as in a query
    std::string_view description; ///< one sentence
    std::string text;             ///< a JSON object, without description and example
};

/// The nine ids by which contacts are looked up, in the order of the API.
[[nodiscard]] CTMS_API std::vector<field_schema> identity_fields();

} // namespace ctms::json
