// SPDX-License-Identifier: MPL-2.0
// Shared by the sources of the sync queue: statements whose text is built once, the conversion of rows to queued contacts, and
// parameters as JSON. Throws std::logic_error if a row has an unexpected form. Thread safe. Private to this layer.
#pragma once

#include "sync_queue_repository.hpp"

#include <persistence/postgres/connection.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// A condition: the row q is not one of the bulk job that is under way, even if that claim has expired.
inline constexpr std::string_view not_of_a_job = " and (q.claimed_by = (select job from ctms_bulk_job)) is not true";

/// A CTE: claims the rows of the CTE `due` for worker $2 and $3 seconds. Leaves those that changed since the statement began.
inline constexpr std::string_view claim_due_rows = R"(,
chosen as (
  update ctms_sync_queue q set claimed_by = $2::uuid, claimed_until = now() + $3::bigint * interval '1 second'
  from due where q.email_id = any (array(select email_id from due)) and q.email_id = due.email_id and q.xmin = due.seen
  returning q.*, due.due_at))";

/// The end of a statement: returns the rows of the CTE `chosen`, as read_queued() expects them.
[[nodiscard]] std::string read_chosen_sql();

/// A limit as a parameter; a negative one counts as 0.
[[nodiscard]] inline std::string bounded(int limit) { return std::to_string(std::max(0, limit)); }

/// An array of objects: email_id, version, is_gone, is_deletion, and the columns of ctms_vendor_state unless the contact is gone.
[[nodiscard]] std::string json_states(std::span<const sent_contact> contacts);

[[nodiscard]] uuid read_id(const rows& found, std::size_t row, std::size_t column);
/// Reads the rows that a claim returned.
[[nodiscard]] std::vector<queued_contact> read_queued(const rows& found);

} // namespace ctms::persistence
