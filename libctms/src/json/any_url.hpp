// SPDX-License-Identifier: MPL-2.0
// A URL as pydantic 1.10's AnyUrl takes it: any scheme, a host that looks like one, the rest nearly as it came.
// Not for URLs that this library is to fetch. The text must be valid UTF-8. Takes linear time.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

namespace ctms::json {

inline constexpr std::size_t longest_url = 65'536; ///< characters

/// The message, type and context of a pydantic 1 error.
struct url_error {
    std::string message;
    std::string type;
    std::string context; ///< a JSON object as text, "" when there is none
};

/// The URL without blanks around it, or the first thing that is wrong with it. As with pydantic, a URL whose host is
/// a single name or not ASCII is put together again: the host in punycode, and without empty parts (a "?" with
/// nothing behind it); every other URL comes back unchanged.
[[nodiscard]] std::variant<std::string, url_error> parse_any_url(std::string_view text);

} // namespace ctms::json
