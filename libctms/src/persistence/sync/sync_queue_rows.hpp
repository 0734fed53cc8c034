// SPDX-License-Identifier: MPL-2.0
// What the sources of the sync's queue share: statements whose text is made once, rows of the queue from answers, and what
// statements take as JSON. Throws std::logic_error for an answer that is not of its form. Thread safe. Private to this layer.
#pragma once

#include <ctms/persistence/sync_queue_repository.hpp>

#include <persistence/postgres/connection.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// A limit as a parameter.
[[nodiscard]] inline std::string bounded(int limit) { return std::to_string(std::max(0, limit)); }

/// An array of objects with the columns of ctms_vendor_state.
[[nodiscard]] std::string json_states(std::span<const std::pair<uuid, vendor_state>> states);

[[nodiscard]] uuid read_id(const rows& found, std::size_t row, std::size_t column);
/// The answer of a claim.
[[nodiscard]] std::vector<queued_contact> read_queued(const rows& found);

} // namespace ctms::persistence
