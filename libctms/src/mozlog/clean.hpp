// SPDX-License-Identifier: MPL-2.0
// Cleans every value before it is logged: the result is valid UTF-8 without addresses, except traced ones.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

namespace ctms::mozlog {

/// Redacts the text, and replaces bytes that are not UTF-8 with U+FFFD.
[[nodiscard]] std::string clean_text(std::string_view text);

/// Appends the cleaned text as a JSON string.
void append_clean_string(std::string& out, std::string_view text);

/// Writes a JSON text again, compactly on one line, with every key and string cleaned. Numbers stay as they are written.
/// A text that is not JSON becomes the string "[OMITTED]", so that a log line is always JSON.
[[nodiscard]] std::string clean_json(std::string_view json);

} // namespace ctms::mozlog
