// SPDX-License-Identifier: MPL-2.0
// Which texts a text column of the database can hold: UTF-8 without NUL. A parameter that it cannot hold would fail the whole statement.
// Pure functions.
#pragma once

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace ctms {

/// Returns true if a text column can hold the text.
[[nodiscard]] inline bool is_storable(std::string_view text) { return is_valid_utf8(text) && text.find('\0') == std::string_view::npos; }

/// Returns a copy that a text column can hold: U+FFFD replaces bytes that are not UTF-8, and spaces replace NULs.
[[nodiscard]] inline std::string to_storable(std::string_view text) {
    auto out = valid_utf8(text);
    std::replace(out.begin(), out.end(), '\0', ' ');
    return out;
}

} // namespace ctms
