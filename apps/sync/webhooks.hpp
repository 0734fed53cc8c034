// SPDX-License-Identifier: MPL-2.0
// The deliveries to webhooks in ctms-sync: threads with database connections of their own, so that neither these deliveries nor the sync
// with the vendor can hold the other up.
#pragma once

#include "sync_metrics.hpp"

#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/service/webhook_delivery.hpp>
#include <support/config/settings.hpp>

namespace ctms::sync_app {

class webhooks {
public:
    /// Starts to deliver, until the object is destroyed. `metrics` and `log` must outlive it.
    webhooks(const config::settings& settings, sync_metrics& metrics, mozlog::logger& log);

    /// Begins to stop; the destructor waits for messages that are being sent. May be called from any thread.
    void request_stop() noexcept { delivery_.request_stop(); }

private:
    persistence::database db_;
    service::webhook_delivery delivery_;
};

} // namespace ctms::sync_app
