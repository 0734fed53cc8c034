// SPDX-License-Identifier: MPL-2.0
// Sends metrics to a Prometheus push gateway (https://github.com/prometheus/pushgateway): for processes that nobody
// scrapes. Thread safe; blocks for at most five seconds.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <memory>
#include <string_view>

namespace ctms::net {

/// One push gateway.
class CTMS_API push_gateway {
public:
    /// `url`: where the gateway is, "http://host:9091". Throws std::invalid_argument when it is no http or https URL.
    explicit push_gateway(std::string_view url);
    ~push_gateway();
    push_gateway(const push_gateway&) = delete;
    push_gateway& operator=(const push_gateway&) = delete;

    /// Replaces what the gateway holds for the job "prometheus-pushgateway" by `metrics` (text format 0.0.4): PUT
    /// /metrics/job/prometheus-pushgateway. errc::unavailable when the gateway cannot be reached or refuses; `detail` says why.
    [[nodiscard]] result<void> push(std::string_view metrics);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::net
