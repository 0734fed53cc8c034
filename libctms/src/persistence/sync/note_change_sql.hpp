// SPDX-License-Identifier: MPL-2.0
// How statements note in ctms_changes that they changed contacts, in the transaction of their write. Rows are written in order of email_id,
// and after those of the sync queue (the CTE q, which it reads for that reason), so that two statements do not deadlock. Private to this
// layer.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace ctms::persistence {

/// Reads the CTE q to its end, so that the rest of the statement comes after the rows of the queue.
inline constexpr std::string_view after_queue = "(select count(*) from q) as after_queue";

/// What a statement does to the contacts that it notes.
enum class noted : std::uint8_t { created, updated, deleted };

/// The end of an insert into `ctms_changes as known`. The creation of a contact that exists stays known; a contact that is written after
/// its deletion was created again. `xid` may be earlier than before, because a transaction that waits for a row may have begun earlier.
[[nodiscard]] inline std::string note_again_sql(std::string_view deleted = "excluded.deleted",
                                                std::string_view client = "excluded.client") {
    return fmt::format(R"sql(
  on conflict (email_id) do update set xid = excluded.xid, changed_at = excluded.changed_at, deleted = {}, client = {},
    created_xid = coalesce(excluded.created_xid, case when known.deleted and not excluded.deleted then excluded.xid
      when known.created_xid is not null then least(known.created_xid, excluded.xid) end))sql",
                       deleted, client);
}

/// Returns a CTE that notes the contacts of `from`, which has a column email_id ("e", "e where not already"). `client` is an SQL expression
/// for the id of the client that changes them; null or '' if it is not known. Returns the contacts, so that another CTE can wait for it.
[[nodiscard]] inline std::string note_change_sql(noted what, std::string_view client, std::string_view from) {
    return fmt::format("\n  insert into ctms_changes as known (email_id, created_xid, deleted, client)"
                       " select email_id, {}, {}, nullif({}, '') from {}, {} order by email_id{}\n  returning email_id",
                       what == noted::created ? "pg_current_xact_id()" : "null::xid8", what == noted::deleted, client, after_queue, from,
                       note_again_sql());
}

} // namespace ctms::persistence
