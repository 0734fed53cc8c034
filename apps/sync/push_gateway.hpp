// SPDX-License-Identifier: MPL-2.0
// Sends metrics to a Prometheus push gateway (https://github.com/prometheus/pushgateway), for a process that is not scraped. Thread safe;
// blocks for at most five seconds.
#pragma once

#include <ctms/net/http_client.hpp>

#include <string_view>

namespace ctms::sync_app {

/// A push gateway.
class push_gateway {
public:
    /// `url` is the address of the gateway, such as "http://host:9091". Throws std::invalid_argument if it is not an http or https URL.
    explicit push_gateway(std::string_view url);

    /// Replaces the metrics of the job "prometheus-pushgateway" with `metrics` (text format 0.0.4): PUT
    /// /metrics/job/prometheus-pushgateway. Returns errc::unavailable if the gateway cannot be reached or refuses; `detail` says why.
    [[nodiscard]] result<void> push(std::string_view metrics);

private:
    net::http_client client_;
};

} // namespace ctms::sync_app
