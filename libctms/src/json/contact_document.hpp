// SPDX-License-Identifier: MPL-2.0
// Documents of contacts: their JSON as the database keeps it. Pure functions, thread safe. Private to the library.
#pragma once

#include <ctms/base/time.hpp>
#include <ctms/model/contact.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::json {

/// Stands for the time of a write that the database takes only when it makes the write. No row has this time.
inline constexpr timestamp time_of_write = timestamp::min();

/// What a document has in place of that time: the end of a name and a number that has a space before it. Nothing else in a document can
/// look like this, because it has no spaces outside strings, and no quotes in strings without a backslash before them.
inline constexpr std::string_view unfilled_time = "timestamp\": 0";
/// The same, around the text of the time.
inline constexpr std::string_view before_time = "timestamp\":\"";
inline constexpr std::string_view after_time = "\"";

/// Returns the document of a contact, with its lists in order of name, as they are read. Times may be time_of_write.
[[nodiscard]] std::string write_document(const model::contact& contact);

/// Returns the number of the form that documents have, at least 1. It follows from the names of the fields and from a revision, which must
/// be raised when documents of the same fields change otherwise. Documents with another number count as absent.
[[nodiscard]] std::int32_t document_format();

} // namespace ctms::json
