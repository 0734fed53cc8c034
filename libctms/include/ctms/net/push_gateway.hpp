// SPDX-License-Identifier: MPL-2.0
// Sends metrics to a Prometheus push gateway (https://github.com/prometheus/pushgateway), for processes that are not scraped. Thread safe;
// blocks for at most five seconds.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <memory>
#include <string_view>

namespace ctms::net {

/// A push gateway.
class CTMS_API push_gateway {
public:
    /// `url` is the address of the gateway, such as "http://host:9091". Throws std::invalid_argument if it is not an http or https URL.
    explicit push_gateway(std::string_view url);
    ~push_gateway();
    push_gateway(const push_gateway&) = delete;
    push_gateway& operator=(const push_gateway&) = delete;

    /// Replaces the metrics of the job "prometheus-pushgateway" with `metrics` (text format 0.0.4): PUT
    /// /metrics/job/prometheus-pushgateway. Returns errc::unavailable if the gateway cannot be reached or refuses; `detail` says why.
    [[nodiscard]] result<void> push(std::string_view metrics);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::net
