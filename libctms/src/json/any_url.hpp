// SPDX-License-Identifier: MPL-2.0
// Checks a URL as pydantic 1.10's AnyUrl does: any scheme, a plausible host, and almost anything after it.
// Not for URLs that this library fetches. The text must be valid UTF-8. Takes linear time.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

inline constexpr std::size_t longest_url = 65'536; ///< in characters

/// The message, type and context of a pydantic 1 error.
struct url_error {
    std::string message;
    std::string type;
    std::string context; ///< a JSON object as text, or ""
};

/// Returns the URL without surrounding whitespace, or the first thing that is wrong with it. As in pydantic, a URL whose
/// host is a single label or not ASCII is rebuilt, with the host in punycode and without empty parts (a "?" with
/// nothing after it). Every other URL is returned unchanged.
[[nodiscard]] std::variant<std::string, url_error> parse_any_url(std::string_view text);

} // namespace ctms::json
