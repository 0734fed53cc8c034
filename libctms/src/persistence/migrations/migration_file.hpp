// SPDX-License-Identifier: MPL-2.0
// A migration file, divided into steps. README.md in this directory says how to write one. Private to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// A part of a migration that is committed on its own.
struct migration_step {
    enum class kind {
        transaction, ///< one transaction
        batch,       ///< one statement, repeated in a transaction of its own until it changes no row
        outside      ///< lines, each of them a statement that PostgreSQL runs only outside a transaction
    };
    kind what = kind::transaction;
    std::string_view sql;
};

struct migration_file {
    std::vector<migration_step> steps;           ///< at least one
    std::vector<std::string_view> older_sha256s; ///< checksums of older texts that count as the same migration
    /// The oldest program that the schema serves after this migration: one that knows the migrations up to this number. nullopt: only
    /// programs that know this migration.
    std::optional<int> oldest_program;
};

/// `sql` must outlive the result.
[[nodiscard]] migration_file read_migration(std::string_view sql);

/// The statements of a step outside a transaction.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view sql);

/// A lock that a step takes on a table that it does not create.
struct table_lock {
    enum class kind {
        none,      ///< writers are not held up: an index that is built concurrently
        writers,   ///< SHARE or SHARE ROW EXCLUSIVE: holds up writers
        everything ///< ACCESS EXCLUSIVE: holds up readers too
    };
    std::string table;
    kind what = kind::none;
    bool operator==(const table_lock&) const = default;
};

/// The strongest lock on each table, found in the statements that define triggers and indexes and alter tables.
[[nodiscard]] std::vector<table_lock> locks_of(std::string_view sql);

/// The table that the statement of a batch reads: the first one after FROM; "" if there is none.
[[nodiscard]] std::string source_of(std::string_view sql);

} // namespace ctms::persistence
