// SPDX-License-Identifier: MPL-2.0
// A port on which Prometheus reads the sync's metrics: GET /metrics over HTTP, one request a connection, each answered within
// seconds or dropped. When all places are taken, the connection that has not sent its request for longest makes room. On the
// settings' HOST.
#pragma once

#include <ctms/base/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace ctms::sync_app {

class metrics_port {
public:
    /// Listens, and serves from a thread of its own until it is destroyed. That thread calls `expose`, and `on_failure` with the
    /// reason when an exception has ended a connection, which affects no other. errc::unavailable when the port is not free.
    /// `port` 0 takes a free one.
    [[nodiscard]] static result<std::unique_ptr<metrics_port>> open(const std::string& host, std::uint16_t port,
                                                                    std::function<std::string()> expose,
                                                                    std::function<void(std::string_view)> on_failure);
    ~metrics_port();
    metrics_port(const metrics_port&) = delete;
    metrics_port& operator=(const metrics_port&) = delete;

    [[nodiscard]] std::uint16_t port() const;

private:
    class impl;
    explicit metrics_port(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::sync_app
