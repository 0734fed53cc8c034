// SPDX-License-Identifier: MPL-2.0
// Points in time in microseconds (the precision of PostgreSQL) and calendar dates, in UTC, and the format in which the API writes them (ISO
// 8601 as written by Python's isoformat). Plain values; the functions are thread safe and do not throw.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// A point in time, in microseconds since 1970-01-01T00:00:00Z.
using timestamp = std::chrono::sys_time<std::chrono::microseconds>;
/// A day of the Gregorian calendar.
using date = std::chrono::year_month_day;

/// Returns the current time, truncated to microseconds.
[[nodiscard]] CTMS_API timestamp now();

/// Appends "2021-01-28T21:26:57.511000+00:00"; the fraction has six digits and is left out if it is zero.
CTMS_API void append_iso(std::string& out, timestamp when);
/// Like append_iso, but returns the text.
[[nodiscard]] CTMS_API std::string to_iso(timestamp when);

/// Appends "2021-01-28".
CTMS_API void append_iso(std::string& out, date day);
/// Like append_iso, but returns the text.
[[nodiscard]] CTMS_API std::string to_iso(date day);

/// Parses "YYYY-M-D" (one or two digits for month and day). Returns nullopt unless it is an existing day in the years 1 to 9999.
[[nodiscard]] CTMS_API std::optional<date> parse_date(std::string_view text);

} // namespace ctms
