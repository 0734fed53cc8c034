// SPDX-License-Identifier: MPL-2.0
// What the readers of HTTP messages, here and in programs, must know about the end of a chunked body. Pure functions, thread safe.
#pragma once

#include <string_view>

namespace ctms::net {

/// Returns whether bytes at the beginning of a chunk may be the last chunk (RFC 9112, 7.1) without its end. A parser of Beast must not get
/// them then: after "0" and CRLF it asserts that it gets the whole end, CRLF again.
[[nodiscard]] constexpr bool is_part_of_last_chunk(std::string_view bytes) noexcept {
    return bytes.size() < 5 && bytes.starts_with("0\r\n");
}

} // namespace ctms::net
