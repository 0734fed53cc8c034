// SPDX-License-Identifier: MPL-2.0
#include "webhook_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace ctms::sync_app {
namespace {

// A response may take up to a minute.
const prometheus::Histogram::BucketBoundaries duration_bounds{0.05, 0.1, 0.5, 1, 5, 15, 30, 60};

prometheus::Labels of_webhook(std::string_view name) { return {{"webhook", std::string(name)}}; }

prometheus::Labels of_outcome(std::string_view name, std::string_view outcome) {
    return {{"webhook", std::string(name)}, {"outcome", std::string(outcome)}};
}

} // namespace

webhook_metrics::webhook_metrics(prometheus::Registry& registry, const prometheus::Labels& shared)
    : deliveries_(prometheus::BuildCounter()
                      .Name("ctms_webhook_deliveries_total")
                      .Help("Attempts to deliver a message to a webhook, by outcome.")
                      .Labels(shared)
                      .Register(registry)),
      changes_(prometheus::BuildCounter()
                   .Name("ctms_webhook_changes_total")
                   .Help("Changes that were delivered to a webhook.")
                   .Labels(shared)
                   .Register(registry)),
      durations_(prometheus::BuildHistogram()
                     .Name("ctms_webhook_duration_seconds")
                     .Help("Duration of requests to a webhook, in seconds.")
                     .Labels(shared)
                     .Register(registry)),
      lag_(prometheus::BuildGauge()
               .Name("ctms_webhook_lag_seconds")
               .Help("Age of the oldest change that a webhook has not delivered; disabled webhooks have no value.")
               .Labels(shared)
               .Register(registry)),
      parked_(prometheus::BuildGauge()
                  .Name("ctms_webhook_parked")
                  .Help("1 if a webhook was given up and waits for an operator.")
                  .Labels(shared)
                  .Register(registry)) {}

void webhook_metrics::attempted(const service::webhook_attempt& attempt) {
    const std::lock_guard lock(mutex_);
    if (!names_.contains(std::string(attempt.webhook))) return; // deleted meanwhile
    deliveries_.Add(of_outcome(attempt.webhook, attempt.outcome)).Increment();
    durations_.Add(of_webhook(attempt.webhook), duration_bounds).Observe(attempt.seconds);
    if (attempt.outcome == service::webhook_outcomes().front()) {
        changes_.Add(of_webhook(attempt.webhook)).Increment(static_cast<double>(attempt.changes));
    }
}

void webhook_metrics::seen(std::span<const model::webhook> all) {
    const std::lock_guard lock(mutex_);
    auto gone = std::move(names_);
    names_.clear();
    for (const auto& one : all) {
        gone.erase(one.name);
        names_.insert(one.name);
        for (const auto outcome : service::webhook_outcomes()) deliveries_.Add(of_outcome(one.name, outcome)); // rates need a start value
        durations_.Add(of_webhook(one.name), duration_bounds);
        changes_.Add(of_webhook(one.name));
        parked_.Add(of_webhook(one.name)).Set(one.state == model::webhook_state::parked ? 1 : 0);
        auto& lag = lag_.Add(of_webhook(one.name));
        lag.Set(static_cast<double>(one.lag.count()));
        if (one.state == model::webhook_state::disabled) lag_.Remove(&lag);
    }
    for (const auto& name : gone) forget(name);
}

void webhook_metrics::forget(const std::string& name) {
    for (const auto outcome : service::webhook_outcomes()) deliveries_.Remove(&deliveries_.Add(of_outcome(name, outcome)));
    durations_.Remove(&durations_.Add(of_webhook(name), duration_bounds));
    changes_.Remove(&changes_.Add(of_webhook(name)));
    parked_.Remove(&parked_.Add(of_webhook(name)));
    lag_.Remove(&lag_.Add(of_webhook(name)));
}

} // namespace ctms::sync_app
