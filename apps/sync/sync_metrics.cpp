// SPDX-License-Identifier: MPL-2.0
#include "sync_metrics.hpp"

#include "webhook_metrics.hpp"

#include <support/process_metrics.hpp>
#include <support/prometheus_text.hpp>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cmath>

namespace ctms::sync_app {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

const prometheus::Labels shared_labels{
    {"app_kubernetes_io_component", "background"}, {"app_kubernetes_io_instance", "ctms"}, {"app_kubernetes_io_name", "ctms"}};

Family<Counter>& counters(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(shared_labels).Register(registry);
}

Gauge& gauge(Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Labels(shared_labels).Register(registry).Add({});
}

prometheus::Labels labels_of(const acoustic::call_record& call) {
    return {{"method", std::string(call.method)},
            {"status", call.succeeded ? "success" : "failure"},
            {"table", std::string(to_string(call.target))}};
}

} // namespace

class sync_metrics::impl {
public:
    impl() {
        using acoustic::table;
        for (const auto kind : metrics::database_error_kinds) database_errors.Add({{"kind", std::string(kind)}});
        for (const auto outcome : service::bulk_outcomes()) bulk_jobs.Add({{"outcome", std::string(outcome)}});
        for (const bool succeeded : {true, false}) { // series start at 0, so that rates include the first call
            expect({"add_recipient", table::main, succeeded, 0});
            expect({"remove_recipient", table::main, succeeded, 0});
            expect({"import_list", table::main, succeeded, 0});
            expect({"get_job_status", table::main, succeeded, 0});
            for (const auto target : {table::newsletter, table::product}) {
                expect({"insert_update_relational_table", target, succeeded, 0});
                expect({"delete_relational_table_data", target, succeeded, 0});
            }
        }
    }

    void expect(const acoustic::call_record& call) {
        requests.Add(labels_of(call));
        durations.Add(labels_of(call), support::duration_buckets());
    }

    Registry registry;
    Family<Counter>& requests =
        counters(registry, "ctms_background_acoustic_request_total", "Calls to Acoustic by method, table and status.");
    Family<Histogram>& durations = prometheus::BuildHistogram()
                                       .Name("ctms_background_acoustic_requests_duration")
                                       .Help("Duration of calls to Acoustic by method, table and status, in seconds.")
                                       .Labels(shared_labels)
                                       .Register(registry);
    Counter& synced = counters(registry, "ctms_background_acoustic_sync_total", "Contacts synced to Acoustic, or skipped.").Add({});
    Gauge& retries = gauge(registry, "ctms_background_acoustic_sync_retries",
                           "Contacts in the queue that were tried at least once, including parked ones.");
    Gauge& backlog = gauge(registry, "ctms_background_acoustic_sync_backlog", "Contacts waiting for the sync, without parked ones.");
    // Existing dashboards use either name.
    Counter& loops = counters(registry, "ctms_background_acoustic_sync_loops", "Cycles of the sync, empty ones included.").Add({});
    Counter& loops_total =
        counters(registry, "ctms_background_acoustic_sync_loops_total", "Cycles of the sync, empty ones included.").Add({});
    Gauge& loop_duration = gauge(registry, "ctms_background_acoustic_sync_loop_duration_seconds", "Duration of the last cycle in seconds.");
    Gauge& age = gauge(registry, "ctms_background_acoustic_sync_age_s",
                       "Seconds from the request to the sync, of the last synced contact that had not failed before.");
    Gauge& parked = gauge(registry, "ctms_sync_queue_parked", "Contacts whose sync was given up.");
    Gauge& circuit_open = gauge(registry, "ctms_sync_circuit_open", "1 while Acoustic does not answer and only probes are sent.");
    Gauge& bulk_job = gauge(registry, "ctms_sync_bulk_job_running", "1 while a bulk job is under way, in any process.");
    Family<Counter>& bulk_jobs = counters(registry, "ctms_sync_bulk_jobs_total", "Bulk jobs of this process that have ended, by outcome.");
    Counter& bulk_imported =
        counters(registry, "ctms_sync_bulk_imported_total", "Contacts whose row of the main table was sent by a bulk job.").Add({});
    Counter& bulk_refused = counters(registry, "ctms_sync_bulk_refused_total", "Contacts that a bulk job left to single calls.").Add({});
    Gauge& bulk_duration = gauge(registry, "ctms_sync_bulk_job_duration_seconds", "Duration of the last bulk job at Acoustic, in seconds.");
    Counter& port_failures =
        counters(registry, "ctms_sync_metrics_port_failures_total", "Connections to the metrics port that ended with an exception.")
            .Add({});
    Family<Counter>& database_errors =
        counters(registry, "ctms_database_errors_total", "Database failures by kind, as seen by the library.");
    webhook_metrics webhooks{registry, shared_labels};
    support::process_metrics process;
};

sync_metrics::sync_metrics() : impl_(std::make_unique<impl>()) {}
sync_metrics::~sync_metrics() = default;

void sync_metrics::database_error(std::string_view kind) { impl_->database_errors.Add({{"kind", std::string(kind)}}).Increment(); }

void sync_metrics::call_ended(const acoustic::call_record& call) {
    impl_->requests.Add(labels_of(call)).Increment();
    impl_->durations.Add(labels_of(call), support::duration_buckets()).Observe(call.seconds);
}

void sync_metrics::cycle_ended(const service::cycle_report& report) {
    impl_->synced.Increment(report.synced + report.skipped);
    impl_->retries.Set(static_cast<double>(report.retry_backlog));
    impl_->backlog.Set(static_cast<double>(report.sync_backlog));
    impl_->loops.Increment();
    impl_->loops_total.Increment();
    impl_->loop_duration.Set(report.took.count());
    if (report.age_s) impl_->age.Set(std::round(*report.age_s * 1000) / 1000); // milliseconds
    impl_->parked.Set(static_cast<double>(report.parked));
    impl_->circuit_open.Set(report.vendor_down ? 1 : 0);
}

void sync_metrics::metrics_port_failed() { impl_->port_failures.Increment(); }

void sync_metrics::bulk_job_seen(bool is_under_way) { impl_->bulk_job.Set(is_under_way ? 1 : 0); }

void sync_metrics::bulk_job_ended(const service::bulk_result& result) {
    impl_->bulk_jobs.Add({{"outcome", std::string(result.outcome)}}).Increment();
    impl_->bulk_imported.Increment(static_cast<double>(result.imported));
    impl_->bulk_refused.Increment(static_cast<double>(result.refused));
    impl_->bulk_duration.Set(result.seconds);
}

void sync_metrics::webhook_attempted(const service::webhook_attempt& attempt) { impl_->webhooks.attempted(attempt); }

void sync_metrics::webhooks_seen(std::span<const model::webhook> all) { impl_->webhooks.seen(all); }

std::string sync_metrics::expose() const {
    auto families = impl_->registry.Collect();
    auto process = impl_->process.Collect();
    for (auto& family : process) {
        for (auto& metric : family.metric) {
            for (const auto& [name, value] : shared_labels) metric.label.push_back({name, value});
        }
    }
    families.insert(families.end(), process.begin(), process.end());
    return support::prometheus_text(families);
}

} // namespace ctms::sync_app
