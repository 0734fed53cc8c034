// SPDX-License-Identifier: MPL-2.0
// What every value goes through on its way into a line: valid UTF-8, and no address that is not traced.
// Thread safe; throw only std::bad_alloc.
#pragma once

#include <string>
#include <string_view>

namespace ctms::mozlog {

/// The text with bytes that are not UTF-8 as U+FFFD, and redacted.
[[nodiscard]] std::string clean_text(std::string_view text);

/// A JSON text written again compactly, on one line, with every key and string clean. Numbers stay as they are spelled.
/// What is not JSON becomes the string "[OMITTED]", so that a line always is JSON.
[[nodiscard]] std::string clean_json(std::string_view json);

} // namespace ctms::mozlog
