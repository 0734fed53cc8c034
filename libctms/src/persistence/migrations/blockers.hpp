// SPDX-License-Identifier: MPL-2.0
// Other sessions of the database, described for people: who they are and how long their transactions have been open, but not what they
// execute, which may contain personal data. Private to this room.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <string>

namespace ctms::persistence {

/// Selects sessions for describe_sessions(), from pg_stat_activity.
inline constexpr const char* select_session = "select pid, coalesce(nullif(application_name, ''), backend_type, ''), coalesce(state, case "
                                              "when backend_type <> 'client backend' then 'running' end, ''),"
                                              " extract(epoch from now() - xact_start)::bigint from pg_stat_activity";

/// "pid 71 (application `psql`, idle in transaction, transaction open for 12 s), pid 72 (...)"; "" for no rows.
[[nodiscard]] std::string describe_sessions(const rows& found);

} // namespace ctms::persistence
