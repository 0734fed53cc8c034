// SPDX-License-Identifier: MPL-2.0
// The rights of the programs' database accounts. Each program can use an account of its own, with no more rights than it needs; the account
// that owns the tables is needed only to migrate. The functions block and open a connection of their own. Each thread may call them.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ctms::persistence {

/// A program that uses the database.
enum class program_account : std::uint8_t {
    web,  ///< ctms-web
    sync, ///< ctms-sync
    admin ///< ctms-admin, except `migrate` and `db grants`
};

/// A database role, and the program that uses it.
struct CTMS_API account_role {
    program_account program = program_account::web; ///< the program
    std::string role;                               ///< name of the role, as it is, without quotes
};

/// Returns the SQL statements that grant each role what its program needs, with quoted names. They take nothing away. The last one for
/// ctms-web, pg_read_all_stats, warns instead of failing where a superuser must grant it. The schema must be up to date. errc::invalid if a
/// role does not exist.
[[nodiscard]] CTMS_API result<std::vector<std::string>> grant_statements(const database_options& options,
                                                                         const std::vector<account_role>& roles);

/// Executes such statements in one transaction. errc::misconfigured if the account may not grant them.
[[nodiscard]] CTMS_API result<void> apply_grants(const database_options& options, const std::vector<std::string>& statements);

/// Checks that the account of `options` has the rights that a program needs. errc::misconfigured with a list of those that it lacks.
[[nodiscard]] CTMS_API result<void> check_rights(const database_options& options, program_account program);

} // namespace ctms::persistence
