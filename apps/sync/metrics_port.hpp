// SPDX-License-Identifier: MPL-2.0
// The port on which Prometheus reads the sync's metrics with GET /metrics over HTTP, one request per connection. Each request is
// answered within seconds or dropped. When the limit on connections is reached, the connection that has waited longest without
// sending a request is closed to make room.
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
    /// Listens, and serves on a separate thread until the object is destroyed. That thread calls `expose`, and calls `on_failure`
    /// with the reason if an exception ended a connection; other connections are not affected. `port` 0 chooses a free port.
    /// Returns errc::unavailable if the port is in use.
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
