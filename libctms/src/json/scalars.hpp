// SPDX-License-Identifier: MPL-2.0
// One JSON value into one C++ value, coerced and refused as pydantic 1 does: its validators define the rules and the
// wording of their errors. Each function adds what is wrong to the list and returns nullopt (or false).
#pragma once

#include "document.hpp"
#include "error_list.hpp"
#include "field_table.hpp"

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <optional>
#include <string>

namespace ctms::json {

/// A string; numbers and booleans become text as Python prints them. Checks the rule's format and lengths.
[[nodiscard]] std::optional<std::string> read_text(const node& value, const rules& rule, error_list& errors);

/// true, false, 0, 1 and the words on, off, yes, no, t, f, y, n, true, false in any case.
[[nodiscard]] std::optional<bool> read_bool(const node& value, error_list& errors);

/// "YYYY-M-D", or a Unix time as number or text (milliseconds above 2e10).
[[nodiscard]] std::optional<date> read_date(const node& value, error_list& errors);

/// A UUID that must be of version 4.
[[nodiscard]] std::optional<uuid> read_uuid4(const node& value, error_list& errors);

/// A JSON object as compact text; a list of pairs counts as one, as for Python's dict().
[[nodiscard]] std::optional<std::string> read_object(const node& value, error_list& errors);

/// The text that a scalar becomes where a string is wanted (`true` is "True"); nullopt for lists, objects and null.
[[nodiscard]] std::optional<std::string> to_text(const node& value);

// The errors that stand in several places.
void add_null_not_allowed(error_list& errors);
void add_missing(error_list& errors);
void add_not_a_dict(error_list& errors);

/// The value is none of the literals permitted; `unhashable type` for lists and objects, as Python says it.
void add_not_permitted(const node& value, std::span<const std::string_view> permitted, error_list& errors);

} // namespace ctms::json
