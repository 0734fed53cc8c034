// SPDX-License-Identifier: MPL-2.0
// The SQL of what a place in the feed of changes belongs to. Here because an upgrade of the embedded database moves places.
#pragma once

#include <string_view>

namespace ctms::persistence {

/// Identifies what the transaction ids of a cursor belong to; `s` is ctms_changes_state. The timeline changes when a standby becomes the
/// primary and when a backup is restored. Two databases that come from the same backup may get the same timeline: then only
/// `epoch` tells them apart, which operators renew after a restore (docs/runbook.md).
inline constexpr std::string_view epoch_sql =
    "left(md5(concat_ws('.', s.system_identifier, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8),"
    " (select oid from pg_database where datname = current_database()), s.epoch)), 16)";

} // namespace ctms::persistence
