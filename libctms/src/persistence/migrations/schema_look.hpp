// SPDX-License-Identifier: MPL-2.0
// What a database holds, compared with the migrations of this program. Private to this room.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <set>
#include <stdexcept>
#include <string>

namespace ctms::persistence {

struct embedded_migration;

/// The tables of the Python service, and the sync queue, as an SQL array in order of name: whatever has these names was not made by chance.
[[nodiscard]] std::string telling_tables();

[[nodiscard]] migration_info info_of(const embedded_migration& one);

/// The state of the schema. Throws sql_error{forbidden} if the account may not look.
[[nodiscard]] schema_state inspect(connection& link);

/// Thrown for a migration that a release with another text has begun.
class other_content : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The numbers of the steps of a migration that were done before it was interrupted. Throws other_content.
[[nodiscard]] std::set<int> finished_steps(connection& link, const embedded_migration& one);

} // namespace ctms::persistence
