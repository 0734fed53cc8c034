// SPDX-License-Identifier: MPL-2.0
// The schema and its migrations: numbered SQL files, embedded in the library. They are applied in order under an advisory lock, step by
// step, and recorded in ctms_migrations with a checksum. A database of the Python service (alembic_version = 4f6c48142631) is adopted: its
// schema counts as migration 1, and later migrations only add to it. A migration records the oldest program that its schema serves, so that
// two releases can use one database during an upgrade. Programs may write to the database meanwhile: a step waits only
// briefly for its lock and then tries again later, and rows are copied in batches. The functions block and open connections of their own:
// one to inspect or plan, at most three to migrate. Each thread may call them.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
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
        current,   ///< up to date, or newer than this program and made to serve it as well
        ahead,     ///< newer than this program, which must not use it
        foreign    ///< anything else: another alembic revision, conflicting tables, or a different checksum
    };
    kind what = kind::empty;             ///< state of the schema
    std::vector<migration_info> pending; ///< missing migrations, in order; for `adoptable`, without migration 1
    std::string explanation;             ///< one sentence, with the command to run if there is one
};

/// How to migrate.
struct CTMS_API migrate_options {
    std::chrono::milliseconds lock_timeout{150}; ///< how long a step holds up others while it waits for its lock; then it tries again later
    std::chrono::seconds longest_wait{600};      ///< how long all waiting for locks together may take before giving up
    /// Receives lines about progress and waiting, for people. May be empty. Called by one thread at a time, not always the same.
    std::function<void(const std::string&)> report{};
    /// Asked all the time, from any thread; returns true to stop. May be empty.
    std::function<bool()> stop{};
};

/// One step of a pending migration, and what it would do to a database now.
struct CTMS_API planned_step {
    /// What others notice of a step.
    enum class effect {
        none,    ///< nothing: new tables and functions, an index that is built concurrently
        batches, ///< rows are copied in short transactions
        writers, ///< writers of `table` wait for a moment
        everyone ///< readers and writers of `table` wait for a moment
    };
    migration_info migration;   ///< the migration that the step belongs to
    int number = 1;             ///< number of the step in its migration
    int count = 1;              ///< how many steps the migration has
    effect what = effect::none; ///< what others notice
    std::string table;          ///< the table that it locks, indexes or reads; empty if that does not exist yet
    std::int64_t bytes = 0;     ///< size of that table
    double seconds = 0;         ///< about how long it takes, without waiting
    std::string blockers;       ///< the sessions that it would have to wait for, as text for people; empty if there are none
};

/// What migrate() would do.
struct CTMS_API migration_plan {
    schema_state state;                      ///< the state of the schema
    std::vector<planned_step> steps;         ///< all steps of the pending migrations that were not done yet
    std::vector<std::string> missing_rights; ///< sentences; migrate() changes nothing while there is one
    std::vector<std::string> obstacles;      ///< the same, about what else prevents the migration: tables in two schemas
    std::vector<std::string> warnings;       ///< sentences about the schema, which do not prevent a migration
};

/// Returns all migrations of this build, in order.
[[nodiscard]] CTMS_API const std::vector<migration_info>& known_migrations();

/// Returns the state of the schema without changing anything. Uses the url and the timeouts of `options`.
[[nodiscard]] CTMS_API result<schema_state> inspect_schema(const database_options& options);

/// Returns what migrate() would do, without changing anything.
[[nodiscard]] CTMS_API result<migration_plan> plan_migration(const database_options& options);

/// Applies the pending migrations and returns them. Several processes may call it at the same time. Changes nothing and returns
/// errc::invalid with the explanation for a database that is ahead or foreign, and errc::misconfigured with the missing rights for an
/// account that could not finish, or if the tables are in two schemas. Returns errc::interrupted if it was stopped or a lock could not be
/// had in time; every step that was done stays, and the next call continues there, as it does after the process was killed.
[[nodiscard]] CTMS_API result<std::vector<migration_info>> migrate(const database_options& options, const migrate_options& how = {});

} // namespace ctms::persistence
