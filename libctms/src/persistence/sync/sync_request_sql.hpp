// SPDX-License-Identifier: MPL-2.0
// How statements put contacts into the sync queue, in the transaction of their write. The triggers on tables that the Python service
// writes do the same through ctms_request_sync (migration 0002): change both. Private to this layer.
#pragma once

#include "queue_priority.hpp"

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace ctms::persistence {

/// Returns a CTE that queues the contacts of `from`, which has a column email_id ("e", "e where not already"), with a priority that is an
/// SQL expression. They are due now. A row that is already there counts one version more, and its failures are reset. Rows are written in
/// order of email_id, so that two statements do not deadlock.
[[nodiscard]] inline std::string request_sync_sql(std::string_view priority, std::string_view from) {
    return fmt::format(R"sql(
  insert into ctms_sync_queue as queue (email_id, priority) select email_id, {} from {} order by email_id
  on conflict (email_id) do update set operation = 'upsert', primary_email = null, version = queue.version + 1, retry = 0,
    next_attempt_at = now(), state = 'pending', priority = least(queue.priority, excluded.priority), last_error = null,
    last_requested_at = now())sql",
                       priority, from);
}

/// The same with a fixed priority.
[[nodiscard]] inline std::string request_sync_sql(queue_priority priority, std::string_view from) {
    return request_sync_sql(std::to_string(static_cast<int>(priority)), from);
}

} // namespace ctms::persistence
