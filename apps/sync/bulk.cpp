// SPDX-License-Identifier: MPL-2.0
#include "bulk.hpp"

#include <support/start.hpp>

#include <fmt/core.h>

#include <utility>

namespace ctms::sync_app {
namespace {

persistence::database_options database_options(const config::settings& settings) {
    auto out = support::database_options(settings);
    out.pool_size = 1;
    out.max_overflow = 0;
    return out;
}

sftp_options file_server(const config::settings& settings) {
    sftp_options out;
    out.host = settings.acoustic_sftp_host.value_or(fmt::format("transfer-campaign-us-{}.goacoustic.com", settings.acoustic_server_number));
    out.port = settings.acoustic_sftp_port;
    out.user = settings.acoustic_sftp_user;
    out.password = settings.acoustic_sftp_password;
    out.key_file = settings.acoustic_sftp_key;
    out.known_hosts = settings.acoustic_sftp_known_hosts;
    return out;
}

service::bulk_options options_of(const config::settings& settings, std::function<bool()> is_down, sync_metrics& metrics) {
    service::bulk_options out;
    out.threshold = settings.acoustic_bulk_threshold;
    out.list_id = settings.acoustic_main_table_id;
    out.connections = settings.acoustic_max_connections;
    out.skip_unchanged = settings.acoustic_skip_unchanged;
    out.lease = settings.acoustic_lease;
    out.longest = settings.acoustic_bulk_timeout;
    out.is_down = std::move(is_down);
    out.on_look = [&metrics](bool is_under_way) { metrics.bulk_job_seen(is_under_way); };
    out.on_end = [&metrics](const service::bulk_result& result) { metrics.bulk_job_ended(result); };
    return out;
}

} // namespace

bool bulk::has_file_server(const config::settings& settings) {
    const bool has_account =
        !settings.acoustic_sftp_user.empty() && !(settings.acoustic_sftp_key.empty() && settings.acoustic_sftp_password.empty());
    return has_account && !settings.acoustic_sftp_known_hosts.empty();
}

bulk::bulk(const config::settings& settings, acoustic::client& vendor, std::function<bool()> is_down, sync_metrics& metrics,
           mozlog::logger& log)
    : db_(database_options(settings), metrics),
      files_(file_server(settings)),
      jobs_(db_, vendor, files_, log, options_of(settings, std::move(is_down), metrics)) {}

} // namespace ctms::sync_app
