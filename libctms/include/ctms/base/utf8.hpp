// SPDX-License-Identifier: MPL-2.0
// Basic functions for UTF-8 (RFC 3629): validation, counting and reading characters. Not for collation, and not for case beyond ASCII.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ctms {

/// Returns true if the bytes are well-formed UTF-8: no overlong forms, no surrogates, at most U+10FFFF.
[[nodiscard]] CTMS_API bool is_valid_utf8(std::string_view text) noexcept;

/// Returns the number of characters (code points) of a valid UTF-8 text.
[[nodiscard]] CTMS_API std::size_t utf8_length(std::string_view text) noexcept;

/// Returns the character at `at`, which must be within the text, and moves `at` to the next one. An invalid byte gives U+FFFD.
[[nodiscard]] CTMS_API char32_t next_code_point(std::string_view text, std::size_t& at) noexcept;

/// Appends a character as UTF-8. Values that are not characters become U+FFFD.
CTMS_API void append_utf8(std::string& out, char32_t code_point);

/// Returns a copy in which U+FFFD replaces every byte that is not UTF-8.
[[nodiscard]] CTMS_API std::string valid_utf8(std::string_view text);

/// Returns a copy with A-Z in lower case; all other bytes stay unchanged.
[[nodiscard]] CTMS_API std::string ascii_lower(std::string_view text);

/// Returns true if both are equal when the case of A-Z is ignored.
[[nodiscard]] CTMS_API bool ascii_iequal(std::string_view a, std::string_view b) noexcept;

} // namespace ctms
