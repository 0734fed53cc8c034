// SPDX-License-Identifier: MPL-2.0
// The metrics of webhooks. Thread safe.
#pragma once

#include <ctms/model/webhook.hpp>
#include <ctms/service/webhook_delivery.hpp>

#include <prometheus/labels.h>

#include <mutex>
#include <set>
#include <span>
#include <string>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <class T>
class Family;
} // namespace prometheus

namespace ctms::sync_app {

/// Series for each webhook, by name. They exist as long as the webhook does.
class webhook_metrics {
public:
    /// `registry` must outlive it. `shared` are labels of all series.
    webhook_metrics(prometheus::Registry& registry, const prometheus::Labels& shared);

    void attempted(const service::webhook_attempt& attempt);
    void seen(std::span<const model::webhook> all);

private:
    /// Removes all series of a webhook.
    void forget(const std::string& name);

    prometheus::Family<prometheus::Counter>& deliveries_;
    prometheus::Family<prometheus::Counter>& changes_;
    prometheus::Family<prometheus::Histogram>& durations_;
    prometheus::Family<prometheus::Gauge>& lag_;
    prometheus::Family<prometheus::Gauge>& parked_;
    std::mutex mutex_;
    std::set<std::string> names_;
};

} // namespace ctms::sync_app
