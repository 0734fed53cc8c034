// SPDX-License-Identifier: MPL-2.0
// What every program does before its own work: settings with all their mistakes at once, the log, the database
// (the embedded one started where it is asked for). Not thread safe: for main().
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/config/settings.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>

#include <memory>
#include <optional>

namespace ctms::support {

/// The log that the settings describe, on standard error.
[[nodiscard]] std::unique_ptr<mozlog::logger> make_logger(const config::settings& settings);

/// How to reach the database that the settings name; `settings.db_url` must be set.
[[nodiscard]] persistence::database_options database_options(const config::settings& settings);

/// Starts or joins the embedded database if the settings ask for it, and puts its URL and kept signing key into
/// them. What is returned must be held for as long as the database is used.
[[nodiscard]] result<std::optional<persistence::embedded_postgres>> prepare_database(config::settings& settings);

/// Brings the schema of the embedded database up to date; of another database only checks it.
/// errc::invalid with the command to run when it is not what this program needs.
[[nodiscard]] result<void> prepare_schema(const config::settings& settings);

} // namespace ctms::support
