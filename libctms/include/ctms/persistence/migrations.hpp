// SPDX-License-Identifier: MPL-2.0
// The schema and its changes: numbered SQL files, embedded in the library, applied in order, each in
// a transaction of its own under an advisory lock, and recorded in ctms_migrations with a checksum.
// A database that the reference service made (alembic_version = 4f6c48142631) is adopted: its schema
// counts as migration 1, and only additions follow. Functions block and open connections of their own: one to look,
// two to migrate.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

/// One migration as this program knows it.
struct CTMS_API migration_info {
    int version = 0;    ///< its number
    std::string name;   ///< from the file's name
    std::string sha256; ///< of the SQL text, hex
};

/// What stands between a database and this program.
struct CTMS_API schema_state {
    /// Where a schema can stand.
    enum class kind {
        empty,     ///< no CTMS tables at all
        adoptable, ///< made by the reference, at the revision that is known here
        behind,    ///< some migrations are missing
        current,   ///< nothing to do
        ahead,     ///< made by a newer program: it must not be served by this one
        foreign    ///< something else: another alembic revision, or tables in the way, or a checksum that differs
    };
    kind what = kind::empty;             ///< where it stands
    std::vector<migration_info> pending; ///< in order; for `adoptable` without migration 1
    std::string explanation;             ///< one sentence, with the command to run where there is one
};

/// All migrations of this build, in order.
[[nodiscard]] CTMS_API const std::vector<migration_info>& known_migrations();

/// Looks; changes nothing. Takes the database's own options (url, timeouts).
[[nodiscard]] CTMS_API result<schema_state> inspect_schema(const database_options& options);

/// Applies what is pending and returns it. Safe to run from several processes at once. A database that is
/// ahead or foreign gives errc::invalid with the explanation and is left as it is.
[[nodiscard]] CTMS_API result<std::vector<migration_info>> migrate(const database_options& options);

} // namespace ctms::persistence
