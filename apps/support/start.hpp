// SPDX-License-Identifier: MPL-2.0
// What the daemons do at startup: they open the log and prepare the database (starting the embedded one if the settings
// ask for it). Not thread safe: for main().
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/base/result.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/embedded_postgres.hpp>
#include <ctms/persistence/grants.hpp>
#include <support/config/settings.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string_view>

namespace ctms::support {

class sentry;

/// The log of a program, on standard error. Its errors are also reported to Sentry if the settings ask for it.
class program_log {
public:
    /// `program` is the name in the reports.
    program_log(const config::settings& settings, std::string_view program);
    /// Sends the reports that wait, for a few seconds at most, and writes the queued lines.
    ~program_log();
    program_log(const program_log&) = delete;
    program_log& operator=(const program_log&) = delete;

    /// Sends the reports that wait, for a few seconds at most; later errors are not reported.
    void send_reports() noexcept;

    [[nodiscard]] mozlog::logger& operator*() const noexcept { return *log_; }
    [[nodiscard]] mozlog::logger* operator->() const noexcept { return log_.get(); }

private:
    std::unique_ptr<sentry> reports_; ///< destroyed after the log, which uses it
    std::unique_ptr<mozlog::logger> log_;
};

/// Reports an exception that ends the program to Sentry, if `settings` ask for it. Waits for a few seconds at most.
void report_to_sentry(const config::settings& settings, std::string_view program, const std::exception& problem) noexcept;

/// The options of the database that the settings describe; `settings.db_url` must be set.
[[nodiscard]] persistence::database_options database_options(const config::settings& settings);

/// The address of the email vendor and the credentials that the settings give.
[[nodiscard]] acoustic::client_options vendor_options(const config::settings& settings);

/// Starts the embedded database, or joins a running one, if the settings ask for it, and stores its URL and signing key in
/// the settings. Keep the returned object for as long as the database is used. If there is no database in the directory,
/// creates one, or returns errc::invalid if `creates` is false: the directory may be mistyped.
[[nodiscard]] result<std::optional<persistence::embedded_postgres>> prepare_database(config::settings& settings, bool creates = true);

/// Migrates the schema of the embedded database; for any other database only checks it, and the rights of a server's account.
/// Returns errc::invalid with the command to run if the schema does not fit this program, and errc::misconfigured if rights are missing.
[[nodiscard]] result<void> prepare_schema(const config::settings& settings, persistence::program_account program);

} // namespace ctms::support
