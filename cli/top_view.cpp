// SPDX-License-Identifier: MPL-2.0
#include "top_view.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace ctms::cli {
namespace {

constexpr auto requests = "ctms_requests_total";
constexpr auto durations = "ctms_requests_duration_seconds";

bool is_counted(const metric_sample& sample) { return sample.label("path_template") != "/metrics"; }

metrics_text::filter of_family(const char* family) {
    return [family](const metric_sample& sample) { return is_counted(sample) && sample.label("status_code_family") == family; };
}

/// The growth of a counter per second.
std::optional<double> rate_of(const metrics_text& before, const metrics_text& now, double seconds, const char* name,
                              const metrics_text::filter& wanted = {}) {
    const auto value = now.sum(name, wanted);
    if (!value || seconds <= 0) return std::nullopt;
    return growth(before.sum(name, wanted).value_or(0), *value) / seconds;
}

/// A filter for each route that has been requested, by its name, as in "GET /ctms".
std::map<std::string, metrics_text::filter> routes_of(const metrics_text& now) {
    std::map<std::string, metrics_text::filter> out;
    for (const auto& sample : now.samples()) {
        if (sample.name != requests || sample.value <= 0 || !is_counted(sample)) continue;
        const std::string method(sample.label("method"));
        const std::string path(sample.label("path_template"));
        out.emplace(fmt::format("{} {}", method, path), [method, path](const metric_sample& other) {
            return other.label("method") == method && other.label("path_template") == path;
        });
    }
    return out;
}

std::vector<route_view> compare_routes(const metrics_text& before, const metrics_text& now, double seconds) {
    std::vector<route_view> out;
    for (const auto& [name, wanted] : routes_of(now)) {
        route_view one;
        one.name = name;
        one.rate = rate_of(before, now, seconds, requests, wanted).value_or(0);
        if (one.rate <= 0) continue;
        const auto failed = [&is_wanted = wanted](const metric_sample& sample) {
            return is_wanted(sample) && sample.label("status_code_family") == "5xx";
        };
        one.errors = rate_of(before, now, seconds, requests, failed).value_or(0);
        const auto grown = growth(before.buckets(durations, wanted), now.buckets(durations, wanted));
        one.p50 = quantile(0.5, grown);
        one.p99 = quantile(0.99, grown);
        out.push_back(std::move(one));
    }
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.rate > b.rate; });
    return out;
}

void compare_web(top_view& out, const metrics_text& before, const metrics_text& now, double seconds) {
    out.rate = rate_of(before, now, seconds, requests, is_counted);
    if (seconds <= 0) return;
    // These series may not exist before the first event of their kind.
    out.client_errors = rate_of(before, now, seconds, requests, of_family("4xx")).value_or(0);
    out.server_errors = rate_of(before, now, seconds, requests, of_family("5xx")).value_or(0);
    out.rejected = rate_of(before, now, seconds, "ctms_requests_rejected_total").value_or(0);
    out.database_errors = rate_of(before, now, seconds, "ctms_database_errors_total").value_or(0);
    const auto grown = growth(before.buckets(durations, is_counted), now.buckets(durations, is_counted));
    out.p50 = quantile(0.5, grown);
    out.p99 = quantile(0.99, grown);
    out.routes = compare_routes(before, now, seconds);
}

void compare_sync(top_view& out, const metrics_text& before, const metrics_text& now, double seconds) {
    out.synced = rate_of(before, now, seconds, "ctms_background_acoustic_sync_total");
    out.vendor_failures = rate_of(before, now, seconds, "ctms_background_acoustic_request_total",
                                  [](const metric_sample& sample) { return sample.label("status") == "failure"; });
}

} // namespace

top_view compare(const snapshot& before, const snapshot& now) {
    top_view out;
    out.now = now;
    const double seconds = std::chrono::duration<double>(now.taken_at - before.taken_at).count();
    if (before.web.value && now.web.value) compare_web(out, *before.web.value, *now.web.value, seconds);
    if (before.sync.value && now.sync.value) compare_sync(out, *before.sync.value, *now.sync.value, seconds);
    return out;
}

} // namespace ctms::cli
