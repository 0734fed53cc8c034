// SPDX-License-Identifier: MPL-2.0
// The schema and its migrations: numbered SQL files, embedded in the library. They are applied in order, each in a transaction of its own
// under an advisory lock, and recorded in ctms_migrations with a checksum. A database of the Python service (alembic_version =
// 4f6c48142631) is adopted: its schema counts as migration 1, and later migrations only add to it. The functions block and open connections
// of their own: one to inspect, two to migrate.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <string>
#include <vector>

namespace ctms::persistence {

/// A migration of this program.
struct CTMS_API migration_info {
    int version = 0;    ///< number of the migration
    std::string name;   ///< name, from the file's name
    std::string sha256; ///< checksum of the SQL text, in hex
};

/// Compares a database with this program.
struct CTMS_API schema_state {
    /// States of a schema.
    enum class kind {
        empty,     ///< no CTMS tables
        adoptable, ///< created by the Python service, at the known revision
        behind,    ///< some migrations are missing
        current,   ///< up to date
        ahead,     ///< created by a newer program; this one must not serve it
        foreign    ///< anything else: another alembic revision, conflicting tables, or a different checksum
    };
    kind what = kind::empty;             ///< state of the schema
    std::vector<migration_info> pending; ///< missing migrations, in order; for `adoptable`, without migration 1
    std::string explanation;             ///< one sentence, with the command to run if there is one
};

/// Returns all migrations of this build, in order.
[[nodiscard]] CTMS_API const std::vector<migration_info>& known_migrations();

/// Returns the state of the schema without changing anything. Uses the url and the timeouts of `options`.
[[nodiscard]] CTMS_API result<schema_state> inspect_schema(const database_options& options);

/// Applies the pending migrations and returns them. Several processes may call it at the same time. For a database that is ahead or
/// foreign, returns errc::invalid with the explanation and changes nothing.
[[nodiscard]] CTMS_API result<std::vector<migration_info>> migrate(const database_options& options);

} // namespace ctms::persistence
