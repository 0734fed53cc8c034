// SPDX-License-Identifier: MPL-2.0
// Points in time with microseconds (what PostgreSQL keeps) and calendar dates, in UTC,
// and the one way in which the API writes them (ISO 8601 as Python's isoformat does).
// Plain values; the functions are thread safe and do not throw.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// A point in time, microseconds since 1970-01-01T00:00:00Z.
using timestamp = std::chrono::sys_time<std::chrono::microseconds>;
/// A day of the Gregorian calendar.
using date = std::chrono::year_month_day;

/// Now, cut to microseconds.
[[nodiscard]] CTMS_API timestamp now();

/// "2021-01-28T21:26:57.511000+00:00"; the fraction has six digits, or is left out when it is zero.
CTMS_API void append_iso(std::string& out, timestamp when);
/// The same as a text of its own.
[[nodiscard]] CTMS_API std::string to_iso(timestamp when);

/// "2021-01-28".
CTMS_API void append_iso(std::string& out, date day);
/// The same as a text of its own.
[[nodiscard]] CTMS_API std::string to_iso(date day);

/// Reads "YYYY-M-D" (one or two digits for month and day); nullopt unless it is a day that exists
/// in the years 1 to 9999.
[[nodiscard]] CTMS_API std::optional<date> parse_date(std::string_view text);

} // namespace ctms
