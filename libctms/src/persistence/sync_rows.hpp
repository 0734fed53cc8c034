// SPDX-License-Identifier: MPL-2.0
// What the sources of the sync's queue share: statements whose text is made once, and cells into values. Private to this
// layer.
#pragma once

#include "connection.hpp"

#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace ctms::persistence {

/// A statement whose text is made once, and lives on.
struct made_statement {
    std::string sql;
    statement what;
    made_statement(const char* name, std::string text) : sql(std::move(text)), what{name, sql.c_str()} {}
    made_statement(const made_statement&) = delete;
    made_statement& operator=(const made_statement&) = delete;
};

inline uuid read_id(const rows& found, std::size_t row, std::size_t column) {
    const auto id = uuid::parse(found.text(row, column));
    if (!id) throw std::logic_error("a column that is no UUID");
    return *id;
}

inline timestamp read_time(const rows& found, std::size_t row, std::size_t column) {
    return timestamp(std::chrono::microseconds(found.integer(row, column)));
}

/// A limit as a parameter.
inline std::string bounded(int limit) { return std::to_string(std::max(0, limit)); }

} // namespace ctms::persistence
