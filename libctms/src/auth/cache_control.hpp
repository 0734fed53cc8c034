// SPDX-License-Identifier: MPL-2.0
// How long an HTTP answer may be kept, as its headers say (RFC 9111), read with caution: what is not plainly written does
// not allow anything. Private to the library. Thread safe; throws nothing.
#pragma once

#include <chrono>
#include <string_view>

namespace ctms::auth {

/// The max-age of a Cache-Control header (several joined with commas) less Age, from 0 to 2^31 seconds. Zero with
/// no-store or no-cache, without max-age, or with more than one, and when it is not a plain number of seconds. An Age that is
/// none is passed over.
[[nodiscard]] std::chrono::seconds allowed_age(std::string_view cache_control, std::string_view age) noexcept;

} // namespace ctms::auth
