// SPDX-License-Identifier: MPL-2.0
// How statements put contacts into the sync queue, in the transaction of their write. Rows are written in order of email_id, so that two
// statements do not deadlock. Private to this layer.
#pragma once

#include "queue_priority.hpp"

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace ctms::persistence {

/// The end of an insert into `ctms_sync_queue as queue`: a row that is already there counts one version more, its failures are reset, and
/// it is due now. A row that is due already keeps its place, and then no indexed column changes, so that the new version of the row needs
/// no index entries. A deletion stays one, because it may have been committed after the statement looked for the contact; the claim sees
/// whether the contact exists. Returns the contacts, so that note_change_sql() can wait for it.
inline constexpr std::string_view request_again_sql = R"sql(
  on conflict (email_id) do update set
    operation = case when queue.operation = 'delete' then 'delete' else excluded.operation end,
    primary_email = coalesce(excluded.primary_email, queue.primary_email),
    version = queue.version + 1, retry = 0, next_attempt_at = least(queue.next_attempt_at, now()), state = 'pending',
    priority = least(queue.priority, excluded.priority), last_error = null, last_requested_at = now()
  returning email_id)sql";

/// Returns a CTE that queues the contacts of `from`, which has a column email_id ("e", "e where not already"), with a priority that is an
/// SQL expression. They are due now.
[[nodiscard]] inline std::string request_sync_sql(std::string_view priority, std::string_view from) {
    return fmt::format("\n  insert into ctms_sync_queue as queue (email_id, priority) select email_id, {} from {} order by email_id{}",
                       priority, from, request_again_sql);
}

/// The same with a fixed priority.
[[nodiscard]] inline std::string request_sync_sql(queue_priority priority, std::string_view from) {
    return request_sync_sql(std::to_string(static_cast<int>(priority)), from);
}

/// Returns a CTE that queues the deletion of the contacts of `from`, which has the columns email_id and primary_email.
[[nodiscard]] inline std::string request_deletion_sql(std::string_view from) {
    return fmt::format("\n  insert into ctms_sync_queue as queue (email_id, operation, primary_email)"
                       " select email_id, 'delete', primary_email from {} order by email_id{}",
                       from, request_again_sql);
}

/// A table with one row. A statement that reads it before it writes to a table of a contact says, until its transaction ends, that it
/// queues and notes its writes itself: the triggers of migrations 12 and 14 then do not note them in ctms_inbox. It is not a setting of the
/// connection, so it works with poolers.
inline constexpr std::string_view we_are_the_writer = "(select set_config('ctms.writer', 'library', true) offset 0) as writer";

} // namespace ctms::persistence
