// SPDX-License-Identifier: MPL-2.0
// What the sources of the sync's queue share: statements whose text is made once, rows of the queue from answers, and what
// statements take as JSON. Throws std::logic_error for an answer that is not of its form. Thread safe. Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/persistence/sync_queue.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// A statement whose text is made once, and lives on.
struct made_statement {
    std::string sql;
    statement what;
    made_statement(const char* name, std::string text) : sql(std::move(text)), what{name, sql.c_str()} {}
    made_statement(const made_statement&) = delete;
    made_statement& operator=(const made_statement&) = delete;
};

/// A limit as a parameter.
[[nodiscard]] inline std::string bounded(int limit) { return std::to_string(std::max(0, limit)); }

/// An array of objects with the columns of ctms_vendor_state.
[[nodiscard]] std::string json_states(std::span<const std::pair<uuid, vendor_state>> states);

[[nodiscard]] uuid read_id(const rows& found, std::size_t row, std::size_t column);
/// The answer of a claim.
[[nodiscard]] std::vector<queued_contact> read_queued(const rows& found);

} // namespace ctms::persistence
