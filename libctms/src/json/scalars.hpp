// SPDX-License-Identifier: MPL-2.0
// Converts one JSON value to a C++ value, with the coercions and errors of pydantic 1, whose validators define the rules and
// the messages. If the value is refused, each function adds the error to the list and returns nullopt.
#pragma once

#include "document.hpp"
#include "error_list.hpp"
#include <fields/field.hpp>

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <optional>
#include <string>

namespace ctms::json {

/// Reads a string; numbers and booleans become strings as Python prints them. Checks the rule's format and lengths.
[[nodiscard]] std::optional<std::string> read_text(const node& value, const fields::rules& rule, error_list& errors);

/// Reads true, false, 0, 1, or one of the words on, off, yes, no, t, f, y, n, true and false in any case.
[[nodiscard]] std::optional<bool> read_bool(const node& value, error_list& errors);

/// Reads "YYYY-M-D", or a Unix time as a number or string (in milliseconds above 2e10).
[[nodiscard]] std::optional<date> read_date(const node& value, error_list& errors);

/// Reads a UUID of any version, in any notation.
[[nodiscard]] std::optional<uuid> read_any_uuid(const node& value, error_list& errors);

/// Reads a UUID, which must be of version 4.
[[nodiscard]] std::optional<uuid> read_uuid4(const node& value, error_list& errors);

/// Checks the version of a contact's id.
[[nodiscard]] bool check_uuid4(const uuid& id, error_list& errors);

/// Reads a JSON object as compact text; a list of pairs counts as an object, as in Python's dict().
[[nodiscard]] std::optional<std::string> read_object(const node& value, error_list& errors);

/// The string that a scalar becomes where a string is expected (`true` gives "True"); nullopt for lists, objects and null.
[[nodiscard]] std::optional<std::string> to_text(const node& value);

// Errors that several readers add.
void add_null_not_allowed(error_list& errors);
void add_missing(error_list& errors);
void add_not_a_dict(error_list& errors);
void add_invalid_date(error_list& errors);

/// The value is not one of the permitted literals; for lists and objects the message is `unhashable type`, as in Python.
void add_not_permitted(const node& value, std::span<const std::string_view> permitted, error_list& errors);

} // namespace ctms::json
