// SPDX-License-Identifier: MPL-2.0
// What can be an email address, and the characters around it that people do not see. The API accepts any text as an address; these
// functions are for files. Pure functions, thread safe.
#pragma once

#include <ctms/base/export.hpp>

#include <string_view>

namespace ctms {

/// Returns the text without the white space, control characters and invisible characters around it (no-break spaces, zero-width
/// characters, byte order marks, directional marks).
[[nodiscard]] CTMS_API std::string_view without_blanks_around(std::string_view text) noexcept;

/// Returns true if the text can be an email address: at most 255 characters of UTF-8; something before and after the @; no blanks, no
/// invisible characters and no second @ outside a quoted local part; and a domain of letters, digits, hyphens, underscores, single dots and
/// characters beyond ASCII, or an address literal in brackets. Does not check that the domain exists.
[[nodiscard]] CTMS_API bool can_be_address(std::string_view text) noexcept;

} // namespace ctms
