// SPDX-License-Identifier: MPL-2.0
#include "webhooks.hpp"

#include <support/start.hpp>

namespace ctms::sync_app {
namespace {

/// Each use of a connection is short, so that a few are enough for all webhooks.
persistence::database_options database_options(const config::settings& settings) {
    constexpr int connections = 2;
    auto out = support::database_options(settings);
    out.pool_size = connections;
    out.max_overflow = 0;
    return out;
}

service::webhook_delivery_options delivery_options(const config::settings& settings, sync_metrics& metrics) {
    service::webhook_delivery_options out;
    out.timeout = settings.webhook_timeout;
    out.on_attempt = [&metrics](const service::webhook_attempt& attempt) { metrics.webhook_attempted(attempt); };
    out.on_look = [&metrics](std::span<const model::webhook> all) { metrics.webhooks_seen(all); };
    return out;
}

} // namespace

webhooks::webhooks(const config::settings& settings, sync_metrics& metrics, mozlog::logger& log)
    : db_(database_options(settings), metrics), delivery_(db_, log, delivery_options(settings, metrics)) {}

} // namespace ctms::sync_app
