// SPDX-License-Identifier: MPL-2.0
// The few things the library asks of UTF-8 (RFC 3629) text: is it valid, how many characters.
// Not for collation or case beyond ASCII. Thread safe, no exceptions.
#pragma once

#include <ctms/base/export.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ctms {

/// True when the bytes are well-formed UTF-8: no overlong forms, no surrogates, at most U+10FFFF.
[[nodiscard]] CTMS_API bool is_valid_utf8(std::string_view text) noexcept;

/// How many characters (code points) a valid UTF-8 text has.
[[nodiscard]] CTMS_API std::size_t utf8_length(std::string_view text) noexcept;

/// Reads the character at `at` of a valid UTF-8 text and moves `at` behind it. `at` must be inside.
[[nodiscard]] CTMS_API char32_t next_code_point(std::string_view text, std::size_t& at) noexcept;

/// Appends a character as UTF-8. Values that are no character become U+FFFD.
CTMS_API void append_utf8(std::string& out, char32_t code_point);

/// A copy with A-Z in lower case; all other bytes stay.
[[nodiscard]] CTMS_API std::string ascii_lower(std::string_view text);

/// Equal but for the case of A-Z.
[[nodiscard]] CTMS_API bool ascii_iequal(std::string_view a, std::string_view b) noexcept;

} // namespace ctms
