// SPDX-License-Identifier: MPL-2.0
// The HTTP/1.1 server: listens, runs one session per connection, and stops gracefully. Hides Beast and Asio.
// One thread, the caller of run(), serves all sockets: the I/O thread. Handlers run on the lanes.
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

/// What to serve on a port. The referenced objects must live until run() has returned, and the lanes must end before the server.
struct listener_options {
    std::string host;
    std::uint16_t port = 0; ///< 0: any free port
    const exchanger& exchanges;
    lanes& threads;
    limits bounds;
    const http::tls_listener* tls = nullptr; ///< already loaded; null: plain HTTP
};

class server {
public:
    /// All arguments must outlive the server. `bounds` limits how long stopping may take. `trusted_proxies`: addresses and networks
    /// whose X-Forwarded-For is trusted; their connections are not counted by address, but the forwarded requests are.
    server(const limits& bounds, const std::vector<std::string>& trusted_proxies, mozlog::logger& log,
           support::prometheus_metrics& metrics);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Binds a port and listens on it; connections queue up until run(). Call it before run(), once for each port. Returns the port
    /// number, or errc::unavailable with the reason if the address cannot be used.
    [[nodiscard]] result<std::uint16_t> listen(const listener_options& wanted);

    /// Makes SIGTERM, SIGINT and SIGQUIT stop the server, and SIGHUP call `reload`, on the thread of run(). Call it before run().
    void handle_signals(std::function<void()> reload);

    /// Serves until stop() has been called and all requests in progress are answered.
    void run();

    /// Stops listening, answers the requests in progress and closes idle connections. After the drain time, cuts off the remaining
    /// connections and drops requests that wait for a thread. Any thread may call it, more than once.
    void stop();

    /// True from stop() on.
    [[nodiscard]] const std::atomic<bool>& draining() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
