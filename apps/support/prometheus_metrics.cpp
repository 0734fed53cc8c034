// SPDX-License-Identifier: MPL-2.0
#include "prometheus_metrics.hpp"

#include "process_metrics.hpp"
#include "prometheus_text.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <tuple>

namespace ctms::support {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

/// The position of a metric: those of the Python service come first, in its order, followed by all others.
std::size_t rank(std::string_view name) {
    constexpr std::array<std::string_view, 5> order{"ctms_requests_total", "ctms_requests_duration_seconds", "ctms_api_requests_total",
                                                    "ctms_pending_acoustic_sync_total", "ctms_legacy_waitlists_requests_total"};
    return static_cast<std::size_t>(std::find(order.begin(), order.end(), name) - order.begin());
}

std::string family_of(int status) { return std::to_string(status / 100) + "xx"; }

Family<Counter>& counter_family(Registry& registry, const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry);
}

Gauge& gauge(Registry& registry, const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

} // namespace

class prometheus_metrics::impl {
public:
    impl() { // creates series that start at 0, so that rates include the first event
        for (const auto kind : metrics::database_error_kinds) database_errors.Add({{"kind", std::string(kind)}});
        for (const auto holder : metrics::updates_end_holders) updates_end.Add({{"held_by", std::string(holder)}});
        for (const auto* reason : {"connections", "address", "memory", "busy", "timeout", "header_too_large", "body_too_large", "malformed",
                                   "unsupported", "tls", "internal", "streams"})
            rejected.Add({{"reason", reason}});
        for (const auto what : stream_failures) streams_failed.push_back(&streams_failures.Add({{"what", std::string(what)}}));
        for (const auto reason : stream_end_reasons) streams_ended.Add({{"reason", std::string(reason)}});
        for (const auto use : support::key_uses) key_uses.Add({{"use", std::string(use)}});
    }

    struct request_series {
        Counter* requests;
        Histogram* durations;
    };
    using request_key = std::tuple<std::string_view, std::string_view, int>;
    using client_key = std::tuple<std::string, std::string_view, std::string_view, int>;

    /// Looks up each series by its labels only once, because that costs more than counting.
    request_series& series_of(const request_sample& sample) {
        const auto [found, is_new] = series.try_emplace({sample.method, sample.path_template, sample.status});
        if (is_new) {
            const std::string method(sample.method);
            const std::string path(sample.path_template);
            const auto family = family_of(sample.status);
            found->second.requests = &requests.Add({{"method", method},
                                                    {"path_template", path},
                                                    {"status_code", std::to_string(sample.status)},
                                                    {"status_code_family", family}});
            found->second.durations =
                &durations.Add({{"method", method}, {"path_template", path}, {"status_code_family", family}}, duration_buckets());
        }
        return found->second;
    }

    Counter& client_series_of(const request_sample& sample) {
        auto& counter = client_series[{sample.client_id, sample.method, sample.path_template, sample.status / 100}];
        if (counter == nullptr) {
            counter = &api_requests.Add({{"client_id", sample.client_id},
                                         {"method", std::string(sample.method)},
                                         {"path_template", std::string(sample.path_template)},
                                         {"status_code_family", family_of(sample.status)}});
        }
        return *counter;
    }

    Registry registry;
    Family<Counter>& requests =
        counter_family(registry, "ctms_requests_total", "Total count of requests by method, path, status code, and status code family.");
    Family<Histogram>& durations = BuildHistogram()
                                       .Name("ctms_requests_duration_seconds")
                                       .Help("Histogram of requests processing time by path (in seconds)")
                                       .Register(registry);
    Family<Counter>& api_requests = counter_family(registry, "ctms_api_requests_total",
                                                   "Total count of API requests by method, path, client ID, and status code family");
    Counter& scheduled =
        counter_family(registry, "ctms_pending_acoustic_sync_total", "Total count of contacts added to Acoustic sync backlog").Add({});
    Counter& legacy_waitlists =
        counter_family(registry, "ctms_legacy_waitlists_requests_total", "Total count of API calls that use the legacy waitlists format")
            .Add({});
    Counter& stripe_parked = counter_family(registry, "ctms_stripe_parked_total",
                                            "Stripe objects and messages of Pub/Sub that could not be stored and were parked.")
                                 .Add({});
    Family<Counter>& database_errors =
        counter_family(registry, "ctms_database_errors_total", "Database failures by kind, as seen by the library.");
    Family<Gauge>& updates_end = BuildGauge()
                                     .Name("ctms_updates_end_behind_seconds")
                                     .Help("How far the default end of /updates was behind the last time that it was determined, by what "
                                           "held it back. The other values are 0.")
                                     .Register(registry);
    Family<Counter>& rejected =
        counter_family(registry, "ctms_requests_rejected_total", "Requests and connections refused because of a limit, by reason.");

    Family<Counter>& client_limits =
        counter_family(registry, "ctms_client_limited_total", "Requests refused because their API client exceeds a limit of its own.");

    Family<Counter>& key_uses =
        counter_family(registry, "ctms_idempotency_keys_total", "Requests with an Idempotency-Key, by what was known about the key.");

    Gauge& streams_open = gauge(registry, "ctms_event_streams_open", "Event streams of /changes that are open.");
    Family<Counter>& streams_ended =
        counter_family(registry, "ctms_event_streams_ended_total", "Event streams of /changes that ended, by reason.");
    Family<Counter>& streams_failures = counter_family(registry, "ctms_event_streams_failures_total",
                                                       "Failures after which event streams of /changes try again, by what failed.");
    std::vector<Counter*> streams_failed; ///< in the order of stream_failures: counting allocates no memory
    Counter& events_sent = counter_family(registry, "ctms_events_sent_total", "Events sent on the event streams of /changes.").Add({});
    Histogram& event_lag = BuildHistogram()
                               .Name("ctms_event_lag_seconds")
                               .Help("Time from a write to the sending of its event on an event stream that had missed nothing before.")
                               .Register(registry)
                               .Add({}, Histogram::BucketBoundaries{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300});

    Gauge& in_flight = gauge(registry, "ctms_requests_in_flight", "Requests in progress.");
    Family<Gauge>& pool =
        BuildGauge().Name("ctms_database_pool_connections").Help("Connections to the database by state.").Register(registry);
    Gauge& pool_idle = pool.Add({{"state", "idle"}});
    Gauge& pool_in_use = pool.Add({{"state", "in_use"}});
    Gauge& pool_waiting = gauge(registry, "ctms_database_pool_waiting", "Threads that wait for a connection to the database.");
    Gauge& queue_parked = gauge(registry, "ctms_sync_queue_parked", "Contacts whose sync was given up.");
    Gauge& queue_age =
        gauge(registry, "ctms_sync_queue_age_seconds", "Seconds since the first request of the contact that has waited longest.");
    Gauge& erasures_pending = gauge(registry, "ctms_erasures_pending", "Erasures of which the vendor has not confirmed every deletion.");
    Gauge& erasures_age = gauge(registry, "ctms_erasures_oldest_seconds", "Time since the oldest of these was requested.");
    Gauge& stripe_parked_objects = gauge(registry, "ctms_stripe_parked_objects", "Stripe objects and messages that are parked now.");
    Gauge& changes_delay = gauge(registry, "ctms_changes_delay_seconds",
                                 "Seconds since the oldest change that /changes cannot show yet, because an earlier transaction is open.");
    Family<Gauge>& ids_used = BuildGauge()
                                  .Name("ctms_database_ids_used_ratio")
                                  .Help("Used share of the ids that a table's sequence and column allow, 0 to 1.")
                                  .Register(registry);
    std::shared_ptr<process_metrics> process = std::make_shared<process_metrics>();

    std::mutex mutex;
    std::map<request_key, request_series> series;
    std::map<client_key, Counter*> client_series;

    std::mutex exposing;
    std::shared_ptr<const std::string> exposed; ///< the last text of expose_since()
    std::chrono::steady_clock::time_point exposed_begin;
};

prometheus_metrics::prometheus_metrics() : impl_(std::make_unique<impl>()) {}
prometheus_metrics::~prometheus_metrics() = default;

void prometheus_metrics::sync_scheduled(std::size_t contacts) { impl_->scheduled.Increment(static_cast<double>(contacts)); }
void prometheus_metrics::stripe_parked(std::size_t objects) { impl_->stripe_parked.Increment(static_cast<double>(objects)); }
void prometheus_metrics::legacy_waitlists_used() { impl_->legacy_waitlists.Increment(); }
void prometheus_metrics::database_error(std::string_view kind) { impl_->database_errors.Add({{"kind", std::string(kind)}}).Increment(); }
void prometheus_metrics::updates_end(std::string_view held_by, double seconds) {
    for (const auto holder : metrics::updates_end_holders)
        impl_->updates_end.Add({{"held_by", std::string(holder)}}).Set(holder == held_by ? seconds : 0);
}
void prometheus_metrics::request_rejected(std::string_view reason) { impl_->rejected.Add({{"reason", std::string(reason)}}).Increment(); }

void prometheus_metrics::expect_request(const request_sample& sample) {
    const std::lock_guard lock(impl_->mutex);
    (void)impl_->series_of(sample);
    if (!sample.client_id.empty()) (void)impl_->client_series_of(sample);
}

void prometheus_metrics::request_answered(const request_sample& sample) {
    const std::lock_guard lock(impl_->mutex);
    const auto& series = impl_->series_of(sample);
    series.requests->Increment();
    series.durations->Observe(sample.seconds);
    if (!sample.client_id.empty()) impl_->client_series_of(sample).Increment();
}

void prometheus_metrics::request_began() { impl_->in_flight.Increment(); }
void prometheus_metrics::request_ended() { impl_->in_flight.Decrement(); }

void prometheus_metrics::expect_client(const std::string& client_id) {
    for (const auto limit : client_limit_names) impl_->client_limits.Add({{"client_id", client_id}, {"limit", std::string(limit)}});
}

void prometheus_metrics::client_limited(const std::string& client_id, std::string_view limit) {
    impl_->client_limits.Add({{"client_id", client_id}, {"limit", std::string(limit)}}).Increment();
}

void prometheus_metrics::key_used(std::string_view use) { impl_->key_uses.Add({{"use", std::string(use)}}).Increment(); }

void prometheus_metrics::stream_opened() { impl_->streams_open.Increment(); }
void prometheus_metrics::stream_closed() { impl_->streams_open.Decrement(); }
void prometheus_metrics::stream_ended(std::string_view reason) { impl_->streams_ended.Add({{"reason", std::string(reason)}}).Increment(); }
void prometheus_metrics::stream_failed(std::string_view what) noexcept {
    const auto* const found = std::find(stream_failures.begin(), stream_failures.end(), what);
    impl_->streams_failed.at(static_cast<std::size_t>(found - stream_failures.begin()))->Increment();
}
void prometheus_metrics::events_sent(std::uint64_t count) { impl_->events_sent.Increment(static_cast<double>(count)); }
void prometheus_metrics::event_sent(double seconds) {
    impl_->events_sent.Increment();
    impl_->event_lag.Observe(std::max(seconds, 0.0)); // the clock of the database may be ahead
}

std::string prometheus_metrics::expose(const runtime_sample& now) const {
    impl_->pool_idle.Set(now.pool_open - now.pool_in_use);
    impl_->pool_in_use.Set(now.pool_in_use);
    impl_->pool_waiting.Set(now.pool_waiting);
    if (now.queue_known) {
        impl_->queue_parked.Set(now.queue_parked);
        impl_->queue_age.Set(now.queue_age_seconds);
    }
    if (now.stripe_parked) impl_->stripe_parked_objects.Set(*now.stripe_parked);
    if (now.erasures_pending) {
        impl_->erasures_pending.Set(*now.erasures_pending);
        impl_->erasures_age.Set(now.erasures_age_seconds);
    }
    if (now.changes_delay_seconds) impl_->changes_delay.Set(*now.changes_delay_seconds);
    for (const auto& one : now.ids) impl_->ids_used.Add({{"table", one.table}}).Set(one.share);
    auto families = impl_->registry.Collect();
    auto process = impl_->process->Collect();
    families.insert(families.end(), process.begin(), process.end());
    std::stable_sort(families.begin(), families.end(), [](const auto& a, const auto& b) { return rank(a.name) < rank(b.name); });
    return prometheus_text(families);
}

std::shared_ptr<const std::string> prometheus_metrics::expose_since(std::chrono::steady_clock::time_point asked,
                                                                    const std::function<runtime_sample()>& measure) {
    const std::lock_guard lock(impl_->exposing);
    if (!impl_->exposed || impl_->exposed_begin <= asked) {
        impl_->exposed.reset(); // frees its memory first
        impl_->exposed_begin = std::chrono::steady_clock::now();
        impl_->exposed = std::make_shared<const std::string>(expose(measure()));
    }
    return impl_->exposed;
}

} // namespace ctms::support
