// SPDX-License-Identifier: MPL-2.0
// How statements record their changes in ctms_history, in the transaction of the write. Only for databases that keep the history. Private
// to this room.
#pragma once

#include <persistence/sync/note_change_sql.hpp>

#include <string>
#include <string_view>

namespace ctms::persistence {

/// The values of a record, as SQL expressions.
struct recorded_sql {
    std::string_view client;            ///< '' if it is not known
    std::string_view request_id = "''"; ///< '' if there is none
    std::string_view changes = "'[]'";  ///< JSON text of json::changed_fields()
    std::string_view when = "clock_timestamp()";
};

/// Returns an insert that records a change of each contact of `from`, which has a column email_id and may have conditions.
[[nodiscard]] std::string record_change_sql(noted what, const recorded_sql& values, std::string_view from);

/// The changes of a contact that opts out of email, as an SQL literal.
[[nodiscard]] std::string opted_out_sql();

/// Returns the query of (email_id, changes), for the contacts of the CTE `e` that an import writes: what changes between the tables
/// and the rows of the batch, in the form of json::changed_fields(). Contacts in which nothing changes are missing. It must be part of the
/// statement that writes the rows: it sees the tables as they were before. See rows_of_batch() for the names of the CTEs.
[[nodiscard]] std::string imported_changes_sql();

} // namespace ctms::persistence
