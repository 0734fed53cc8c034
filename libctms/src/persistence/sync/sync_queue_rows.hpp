// SPDX-License-Identifier: MPL-2.0
// Shared by the sources of the sync queue: statements whose text is built once, the conversion of rows to queued contacts, and
// parameters as JSON. Throws std::logic_error if a row has an unexpected form. Thread safe. Private to this layer.
#pragma once

#include "sync_queue_repository.hpp"

#include <persistence/postgres/connection.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// A limit as a parameter; a negative one counts as 0.
[[nodiscard]] inline std::string bounded(int limit) { return std::to_string(std::max(0, limit)); }

/// An array of objects: email_id, version, is_gone, is_deletion, and the columns of ctms_vendor_state unless the contact is gone.
[[nodiscard]] std::string json_states(std::span<const sent_contact> contacts);

[[nodiscard]] uuid read_id(const rows& found, std::size_t row, std::size_t column);
/// Reads the rows that a claim returned.
[[nodiscard]] std::vector<queued_contact> read_queued(const rows& found);

} // namespace ctms::persistence
