// SPDX-License-Identifier: MPL-2.0
// How the statements of this layer put contacts into the sync queue, in the transaction of their write. Private to this layer.
// The triggers on tables that the reference service writes do the same through ctms_request_sync (migration 0002): change both.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace ctms::persistence {

/// For a CTE: puts the contacts that `selection` yields as (email_id, priority) into the queue, due now. `selection` must be in
/// order of email_id, so that two statements never wait for each other's rows. An existing row gets the next version, and its
/// failures are cleared.
[[nodiscard]] inline std::string request_sync_sql(std::string_view selection) {
    return fmt::format(R"sql(
  insert into ctms_sync_queue as queue (email_id, priority) {}
  on conflict (email_id) do update set operation = 'upsert', primary_email = null, version = queue.version + 1, retry = 0,
    next_attempt_at = now(), state = 'pending', priority = least(queue.priority, excluded.priority), last_error = null,
    last_requested_at = now())sql",
                       selection);
}

} // namespace ctms::persistence
