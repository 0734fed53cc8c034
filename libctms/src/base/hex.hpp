// SPDX-License-Identifier: MPL-2.0
// Hexadecimal digits. Thread safe.
#pragma once

namespace ctms {

/// The value of a hexadecimal digit in either case; -1 for any other character.
constexpr int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

} // namespace ctms
