// SPDX-License-Identifier: MPL-2.0
// ctms-sync: sends changed contacts to the email vendor, and changes to webhooks. See --help, docs/sync.md and docs/webhooks.md.
#include "bulk.hpp"
#include "health_file.hpp"
#include "loop.hpp"
#include "metrics_port.hpp"
#include "sync_metrics.hpp"
#include "webhooks.hpp"

#include <ctms/acoustic/client.hpp>
#include <ctms/service/bulk_sync.hpp>
#include <ctms/service/sync_admin.hpp>
#include <support/daemon.hpp>
#include <support/exit_codes.hpp>
#include <support/http/memory.hpp>
#include <support/start.hpp>
#include <support/stop_signals.hpp>

#include <fmt/core.h>

#include <array>
#include <optional>
#include <stop_token>

namespace {

using namespace ctms;

constexpr std::array own_flags{
    support::flag{
        "once",
        "send what is due and exit: with 0 if nothing is left, with 75 if something must be tried again or a bulk job has contacts"},
    support::flag{"dry-run", "print the XML that would be sent now and exit, without sending or changing anything"},
    support::flag{"check-health", "exit with 1 unless the health file shows a recent cycle"}};

constexpr support::daemon self{.name = "ctms-sync",
                               .who = config::program::sync,
                               .synopsis = "[--embedded] [--once|--dry-run|--check-health]",
                               .purpose = "Sends changed contacts to Acoustic Campaign, and changes to webhooks.",
                               .example = "CTMS_ACOUSTIC_SYNC_FEATURE_FLAG=true CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG=true "
                                          "CTMS_ACOUSTIC_CLIENT_ID=... ctms-sync",
                               .flags = own_flags};

service::sync_options sync_options(const config::settings& settings) {
    service::sync_options out;
    out.batch_limit = settings.acoustic_batch_limit;
    out.retry_limit = settings.acoustic_retry_limit;
    out.connections = settings.acoustic_max_connections;
    out.skip_unchanged = settings.acoustic_skip_unchanged;
    out.lease = settings.acoustic_lease;
    out.first_wait = settings.acoustic_retry_wait;
    return out;
}

sync_app::loop::work work_of(const config::settings& settings) {
    using work = sync_app::loop::work;
    if (settings.acoustic_sync_paused) return work::wait;
    return settings.acoustic_sync.value_or(false) && settings.acoustic_integration.value_or(false) ? work::send : work::discard;
}

/// Says what a sync that is off does, and how to send what one that was off removed.
[[nodiscard]] result<void> report_skipped(persistence::database& db, sync_app::loop::work does, mozlog::logger& log) {
    const auto skipped = service::sync_admin(db).count_skipped();
    if (!skipped) return skipped.error();
    if (does != sync_app::loop::work::discard && *skipped == 0) return {};
    mozlog::fields members;
    members.add("skipped", static_cast<std::int64_t>(*skipped));
    log.log(mozlog::severity::info, "ctms.bin.acoustic_sync", members,
            fmt::format("{}{} {} removed from the queue without being sent; \"ctms-admin sync resync --skipped\" sends them after all",
                        does == sync_app::loop::work::discard ? "The queue is emptied without sending. So far, " : "", *skipped,
                        *skipped == 1 ? "contact was" : "contacts were"));
    return {};
}

/// Returns whether a bulk job has contacts, which this process leaves to others, and says so.
[[nodiscard]] result<bool> leaves_a_job(persistence::database& db, mozlog::logger& log) {
    auto is_there = service::is_bulk_job_under_way(db);
    if (is_there && *is_there) {
        log.log(mozlog::severity::error, "ctms.bin.acoustic_sync",
                "A bulk job is under way, and its contacts wait. Only a ctms-sync without --once that has CTMS_ACOUSTIC_SFTP_USER and the "
                "other settings of the file server finishes it");
    }
    return is_there;
}

/// Ends the bulk jobs before the objects that they use.
class end_before {
public:
    explicit end_before(std::optional<sync_app::bulk>& what) : what_(what) {}
    ~end_before() { what_.reset(); }
    end_before(const end_before&) = delete;
    end_before& operator=(const end_before&) = delete;

private:
    std::optional<sync_app::bulk>& what_;
};

int run(const config::settings& settings, support::program_log& logs, const std::stop_token& stop, const support::given_flags& given) {
    auto& log = *logs;
    sync_app::sync_metrics metrics;
    persistence::database db(support::database_options(settings), metrics);
    const auto options = support::vendor_options(settings);
    acoustic::client vendor(options, [&](const acoustic::call_record& call) { metrics.call_ended(call); });
    std::optional<sync_app::bulk> bulk;
    auto how = sync_options(settings);
    how.leaves_bulk = [&bulk] { return bulk && bulk->takes_bulk(); };
    service::sync sync(db, vendor, log, how);
    if (given.contains("dry-run")) {
        const auto printed = sync.print_calls(options, [](std::string_view xml) { fmt::print("{}\n", xml); });
        return printed ? support::ok : support::report_failure(self.name, printed.error());
    }
    std::unique_ptr<sync_app::metrics_port> port;
    if (settings.background_metrics_port) {
        const auto wanted = static_cast<std::uint16_t>(*settings.background_metrics_port);
        auto opened = sync_app::metrics_port::open(
            settings.host, wanted, [&] { return metrics.expose(); },
            [&](std::string_view reason) {
                metrics.metrics_port_failed();
                mozlog::fields members;
                members.add("error", reason);
                log.log(mozlog::severity::error, "ctms.bin.acoustic_sync", members,
                        "A connection to the metrics port failed and was closed");
            });
        if (!opened) return support::report_failure(self.name, opened.error());
        port = std::move(*opened);
        mozlog::fields where;
        where.add("host", settings.host).add("port", static_cast<int>(port->port()));
        log.log(mozlog::severity::info, "ctms.bin.acoustic_sync", where, "Listening for metrics requests");
    }
    const auto does = work_of(settings);
    if (const auto reported = report_skipped(db, does, log); !reported) return support::report_failure(self.name, reported.error());
    const bool once = given.contains("once");
    if (!once && does == sync_app::loop::work::send) {
        if (sync_app::bulk::has_file_server(settings)) {
            bulk.emplace(
                settings, vendor, [&sync] { return sync.next_probe().has_value(); }, metrics, log);
        } else if (const auto left = leaves_a_job(db, log); !left) {
            return support::report_failure(self.name, left.error());
        }
    }
    std::optional<sync_app::webhooks> webhooks;
    if (!once && settings.webhooks.value_or(settings.acoustic_sync.value_or(false))) webhooks.emplace(settings, metrics, log);
    const end_before ended(bulk);                 // it uses the sync
    const std::stop_callback stop_all(stop, [&] { // not one after the other
        if (webhooks) webhooks->request_stop();
        if (bulk) bulk->request_stop();
    });
    const int code = sync_app::loop(settings, does, sync, metrics, log, [&logs] { logs.send_reports(); }).run(stop, once);
    if (!once || code != support::ok) return code;
    const auto left = leaves_a_job(db, log);
    if (!left) return support::report_failure(self.name, left.error());
    return *left ? support::temporary : support::ok;
}

int start(config::settings settings, const support::given_flags& given) {
    http::set_memory_aside();
    const support::stop_signals signals;
    support::program_log log(settings, self.name);
    for (const auto& notice : settings.notices) log->log(mozlog::severity::info, "ctms.bin.acoustic_sync", notice);
    mozlog::fields flag;
    flag.add("sync_feature_flag", settings.acoustic_sync.value_or(false));
    if (settings.acoustic_sync_paused) flag.add("paused", true);
    log->log(mozlog::severity::info, "ctms.bin.acoustic_sync", flag, "Setting up sync_service.");
    if (settings.acoustic_bulk_threshold && !sync_app::has_sftp()) {
        fmt::print(stderr, "ctms-sync: CTMS_ACOUSTIC_BULK_THRESHOLD is set, but the libcurl of this system has no SFTP\n");
        return support::configuration;
    }
    const auto embedded = support::prepare_database(settings);
    if (!embedded) return support::report_failure(self.name, embedded.error());
    if (const auto schema = support::prepare_schema(settings, persistence::program_account::sync); !schema)
        return support::report_failure(self.name, schema.error());
    return run(settings, log, signals.token(), given);
}

} // namespace

int main(int argc, char** argv) {
    return support::daemon_main(self, argc, argv, start, [](const support::given_flags& given) -> std::optional<int> {
        if (!given.contains("check-health")) return std::nullopt;
        return sync_app::health_exit_code(config::process_environment());
    });
}
