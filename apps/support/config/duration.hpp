// SPDX-License-Identifier: MPL-2.0
// Parses durations of settings and options. Not for dates or times of day. Thread safe; throws only std::bad_alloc.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ctms::config {

/// "3600", "01:00:00", "60:00" (minutes first), or an ISO 8601 duration of whole days, hours, minutes and seconds ("P1DT2H").
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

} // namespace ctms::config
