// SPDX-License-Identifier: MPL-2.0
// Reads points in time from the database: how a statement selects them, and how its rows are read. Private to this
// layer.
#pragma once

#include "connection.hpp"

#include <ctms/base/time.hpp>

#include <fmt/core.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::persistence {

/// Selects a column as microseconds since 1970, as text, whatever the session's settings. A time that the API cannot print (infinity, a
/// year before 1 or after 9999) becomes the nearest one that it can.
[[nodiscard]] inline std::string microseconds_sql(std::string_view column) {
    return fmt::format("case when {0} < '0001-01-01 00:00:00+00' then '-62135596800000000'"
                       " when {0} >= '9999-12-31 23:59:59.999999+00' then '253402300799999999'" // PostgreSQL 13 would round this one up
                       " else (extract(epoch from {0})*1000000)::bigint::text end",
                       column);
}

/// Selects a column as text in the form of ctms::to_iso(), for times from the year 1 to 9999. The colons are in quotes because pgbench,
/// which runs our statements for comparison, would take :MI for a variable.
[[nodiscard]] inline std::string iso_time_sql(std::string_view column) {
    return fmt::format("replace(to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24\":\"MI\":\"SS.US'), '.000000', '') || '+00:00'",
                       column);
}

/// The same, but for times that the API cannot print (infinity, before the year 1) PostgreSQL's own text.
[[nodiscard]] inline std::string iso_sql(std::string_view column) {
    return fmt::format("case when isfinite({0}) and {0} >= '0001-01-01 00:00:00+00' then {1} else {0}::text end", column,
                       iso_time_sql(column));
}

/// The time that a write gives to the row `alias` of emails, which it has locked: now, but later than the time of the write before, even
/// if the server's clock was set back. A time that the API cannot print does not count: /updates would never come to a contact with it.
[[nodiscard]] inline std::string later_time_sql(std::string_view alias) {
    return fmt::format("greatest(clock_timestamp(), case when {0}.update_timestamp < '9999-12-31 00:00:00+00'"
                       " then {0}.update_timestamp + interval '1 microsecond' end)",
                       alias);
}

/// Reads such a column; throws std::logic_error for null.
[[nodiscard]] inline timestamp read_time(const rows& found, std::size_t row, std::size_t column) {
    return timestamp(std::chrono::microseconds(found.integer(row, column)));
}

/// Like read_time, but returns nullopt for null.
[[nodiscard]] inline std::optional<timestamp> read_optional_time(const rows& found, std::size_t row, std::size_t column) {
    return found.is_null(row, column) ? std::nullopt : std::optional(read_time(found, row, column));
}

} // namespace ctms::persistence
