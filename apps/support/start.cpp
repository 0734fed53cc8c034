// SPDX-License-Identifier: MPL-2.0
#include "start.hpp"

#include "sentry.hpp"
#include "traceback.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/auth/keyed_hashes.hpp>
#include <ctms/base/host_name.hpp>
#include <ctms/base/version.hpp>
#include <ctms/persistence/migrations.hpp>

#include <fmt/core.h>

#include <unistd.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <system_error>

namespace ctms::support {
namespace {

mozlog::severity to_severity(const std::string& level) {
    if (level == "CRITICAL") return mozlog::severity::critical;
    if (level == "ERROR") return mozlog::severity::error;
    if (level == "WARNING") return mozlog::severity::warning;
    if (level == "DEBUG") return mozlog::severity::debug;
    return mozlog::severity::info;
}

std::unique_ptr<sentry> make_sentry(const config::settings& settings, std::string_view program,
                                    std::function<void(std::string_view)> failed) {
    if (!settings.sentry_dsn) return nullptr;
    sentry_origin from{.program = std::string(program),
                       .environment = settings.sentry_environment,
                       .release = fmt::format("ctms@{}", version()),
                       .server_name = host_name()};
    if (!commit().empty()) from.release += fmt::format("+{}", commit().substr(0, 12));
    return std::make_unique<sentry>(config::parse_sentry_dsn(*settings.sentry_dsn).value(), std::move(from), std::move(failed));
}

} // namespace

persistence::database_options database_options(const config::settings& settings) {
    persistence::database_options out;
    out.url = settings.db_url.value();
    out.pool_size = settings.db_pool_size;
    out.max_overflow = settings.db_max_overflow;
    out.pool_timeout = settings.db_pool_timeout;
    out.pool_recycle = settings.db_pool_recycle;
    out.prepared = settings.db_prepared;
    out.suppression = {auth::keyed_hashes(settings.suppression_keys), settings.suppression_opts_out};
    out.keeps_history = settings.history_days > 0;
    return out;
}

acoustic::client_options vendor_options(const config::settings& settings) {
    acoustic::client_options out;
    out.base_url =
        settings.acoustic_base_url.value_or(fmt::format("https://api-campaign-us-{}.goacoustic.com", settings.acoustic_server_number));
    out.client_id = settings.acoustic_client_id;
    out.client_secret = settings.acoustic_client_secret;
    out.refresh_token = settings.acoustic_refresh_token;
    out.main_table_id = settings.acoustic_main_table_id;
    out.newsletter_table_id = settings.acoustic_newsletter_table_id;
    out.product_table_id = settings.acoustic_product_table_id;
    out.timeout = settings.acoustic_timeout;
    out.most_connections = settings.acoustic_max_connections;
    return out;
}

program_log::program_log(const config::settings& settings, std::string_view program) {
    mozlog::options options;
    options.json = settings.use_mozlog;
    options.color = !settings.use_mozlog && isatty(STDERR_FILENO) == 1;
    options.level = to_severity(settings.logging_level);
    reports_ = make_sentry(settings, program, [this](std::string_view reason) {
        mozlog::fields members;
        members.add("reason", reason);
        log_->log(mozlog::severity::warning, "ctms.sentry", members, "Errors cannot be reported to Sentry");
    });
    if (reports_) options.on_error = [this](const mozlog::record& line) { reports_->report(line); };
    log_ = std::make_unique<mozlog::logger>(std::move(options), mozlog::make_descriptor_sink(STDERR_FILENO));
}

// The reports end first, because they may log a failure.
program_log::~program_log() { send_reports(); }

void program_log::send_reports() noexcept {
    if (reports_) reports_->stop();
}

void report_to_sentry(const config::settings& settings, std::string_view program, const std::exception& problem) noexcept {
    try {
        const auto reports = make_sentry(settings, program, [](std::string_view) {});
        if (!reports) return;
        mozlog::fields members;
        members.add("exception", traceback_text(problem));
        reports->report({std::chrono::system_clock::now(), mozlog::severity::critical, program, members.json(), "The program ended"});
    } catch (const std::exception&) { // the program prints the exception itself
    }
}

result<std::optional<persistence::embedded_postgres>> prepare_database(config::settings& settings, bool creates) {
    std::optional<persistence::embedded_postgres> embedded;
    if (!settings.embedded) return embedded;
    if (!creates && !persistence::embedded_postgres::exists(settings.data_dir.value())) {
        std::error_code none;
        return invalid(fmt::format("there is no database in {}", std::filesystem::absolute(settings.data_dir.value(), none).string()),
                       "check CTMS_DATA_DIR; ctms-web, ctms-sync and ctms-admin migrate create a database");
    }
    auto started = persistence::embedded_postgres::start(settings.data_dir.value());
    if (!started) return started.error();
    embedded = std::move(*started);
    settings.db_url = embedded->url();
    try {
        if (settings.secret_key.empty()) settings.secret_key = embedded->kept_secret("secret_key", auth::make_signing_key);
    } catch (const std::system_error& failure) {
        return unavailable("The signing key cannot be stored", failure.what());
    } catch (const std::runtime_error& refused) {
        return invalid(refused.what());
    }
    return embedded;
}

result<void> prepare_schema(const config::settings& settings, persistence::program_account program) {
    const auto options = database_options(settings);
    if (settings.embedded) {
        const auto applied = persistence::migrate(options);
        return applied ? result<void>() : result<void>(applied.error());
    }
    const auto state = persistence::inspect_schema(options);
    if (!state) return state.error();
    if (state->what != persistence::schema_state::kind::current) return invalid(state->explanation);
    // An operator may run single commands with an account that has fewer rights than all of them need.
    return program == persistence::program_account::admin ? result<void>() : persistence::check_rights(options, program);
}

} // namespace ctms::support
