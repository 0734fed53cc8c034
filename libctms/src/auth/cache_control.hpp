// SPDX-License-Identifier: MPL-2.0
// How long an HTTP response may be cached according to its headers (RFC 9111), read conservatively: anything unclear
// means not at all. Private to the library. Thread safe; throws nothing.
#pragma once

#include <chrono>
#include <string_view>

namespace ctms::auth {

/// The max-age of a Cache-Control header (several are joined with commas) minus the Age, from 0 to 2^31 seconds. Zero if there
/// is no-store or no-cache, if max-age is missing or repeated, or if it is not a plain number of seconds. An invalid Age is
/// ignored.
[[nodiscard]] std::chrono::seconds allowed_age(std::string_view cache_control, std::string_view age) noexcept;

} // namespace ctms::auth
