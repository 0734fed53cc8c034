// SPDX-License-Identifier: MPL-2.0
// The HTTP/1.1 server: listens, runs one session for each connection, stops gracefully. Hides Beast and Asio.
// One thread, the caller of run(), serves all sockets; handlers run on the lanes.
#pragma once

#include "exchange.hpp"
#include "lanes.hpp"
#include "limits.hpp"

#include <ctms/base/result.hpp>
#include <ctms/mozlog/logger.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ctms::http {
class tls_listener;
}

namespace ctms::web {

/// What is served on a port. What it refers to must last until run() has returned, and the lanes must end before the server.
struct listener_options {
    std::string host;
    std::uint16_t port = 0; ///< 0 takes a free one
    const exchanger& exchanges;
    lanes& threads;
    limits bounds;
    const http::tls_listener* tls = nullptr; ///< loaded already; null: plain HTTP
};

class server {
public:
    /// All must outlive it. `bounds`: how long a stop may take. `trusted_proxies`: addresses and networks whose X-Forwarded-For is
    /// believed; connections from there are not counted by address, requests are.
    server(const limits& bounds, const std::vector<std::string>& trusted_proxies, mozlog::logger& log,
           support::prometheus_metrics& metrics);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Binds and listens; connections queue up until run(). Any number of ports, before run(). The port that was taken.
    /// errc::unavailable with the reason when the address cannot be used.
    [[nodiscard]] result<std::uint16_t> listen(const listener_options& wanted);

    /// Makes SIGTERM and SIGINT call stop(), and SIGHUP `reload`, on the thread of run(). Before run().
    void handle_signals(std::function<void()> reload);

    /// Serves until stop() was called and everything under way is answered.
    void run();

    /// Ends listening; requests that were begun are answered, idle connections closed; what has not ended after the
    /// drain time is cut off, and what waits for a thread is not run any more. From any thread, more than once.
    void stop();

    /// True from stop() on.
    [[nodiscard]] const std::atomic<bool>& draining() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
