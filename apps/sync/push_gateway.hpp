// SPDX-License-Identifier: MPL-2.0
// Sends metrics to a Prometheus push gateway (https://github.com/prometheus/pushgateway), for a process that is not scraped, on a thread of
// its own, so that a slow gateway delays nothing. Thread safe.
#pragma once

#include <ctms/net/http_client.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ctms::sync_app {

/// A push gateway.
class push_gateway {
public:
    /// `url` is the address of the gateway, such as "http://host:9091". `metrics` returns what to push (text format 0.0.4), and `failed`
    /// gets the reason of each failure; both are called on another thread. Throws std::invalid_argument if `url` is not an http or https
    /// URL.
    push_gateway(std::string_view url, std::function<std::string()> metrics, std::function<void(std::string_view)> failed);
    /// Pushes once more if push_soon() was called since the last push. Blocks for at most ten seconds.
    ~push_gateway();
    push_gateway(const push_gateway&) = delete;
    push_gateway& operator=(const push_gateway&) = delete;

    /// Replaces the metrics of the job "prometheus-pushgateway" soon: PUT /metrics/job/prometheus-pushgateway. Calls within a second share
    /// a push.
    void push_soon();

private:
    void run(const std::stop_token& stop);
    void push() noexcept;

    net::http_client client_;
    const std::function<std::string()> metrics_;
    const std::function<void(std::string_view)> failed_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool is_wanted_ = false; ///< guarded by the mutex
    std::jthread thread_;    ///< last, because it uses the others
};

} // namespace ctms::sync_app
