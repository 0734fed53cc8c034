// SPDX-License-Identifier: MPL-2.0
// The metrics of the sync in Prometheus' text format. Names and labels follow the deployment guide. Thread safe.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/metrics/recorder.hpp>
#include <ctms/service/bulk_sync.hpp>
#include <ctms/service/sync.hpp>
#include <ctms/service/webhook_delivery.hpp>

#include <memory>
#include <span>
#include <string>

namespace ctms::sync_app {

class sync_metrics final : public metrics::recorder {
public:
    sync_metrics();
    ~sync_metrics() override;
    sync_metrics(const sync_metrics&) = delete;
    sync_metrics& operator=(const sync_metrics&) = delete;

    void sync_scheduled(std::size_t) override {}
    void legacy_waitlists_used() override {}
    void database_error(std::string_view kind) override;

    void call_ended(const acoustic::call_record& call);
    void cycle_ended(const service::cycle_report& report);
    /// Counts a connection to the metrics port that ended with an exception.
    void metrics_port_failed();

    /// Shows whether a bulk job is under way, in any process.
    void bulk_job_seen(bool is_under_way);
    /// Counts a bulk job that has ended.
    void bulk_job_ended(const service::bulk_result& result);

    /// Counts an attempt to deliver to a webhook.
    void webhook_attempted(const service::webhook_attempt& attempt);
    /// Shows the state of all webhooks; those that are missing disappear.
    void webhooks_seen(std::span<const model::webhook> all);

    /// All metrics in text format 0.0.4.
    [[nodiscard]] std::string expose() const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::sync_app
