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

/// Selects a column as microseconds since 1970, as text, whatever the session's settings.
[[nodiscard]] inline std::string microseconds_sql(std::string_view column) {
    return fmt::format("(extract(epoch from {})*1000000)::bigint::text", column);
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
