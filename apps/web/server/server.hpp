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
#include <memory>
#include <string>

namespace ctms::web {

class server {
public:
    /// All of them must outlive the server.
    server(const exchanger& exchanges, lanes& threads, const limits& bounds, mozlog::logger& log, support::prometheus_metrics& metrics);
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    /// Binds and listens; connections queue up until run(). Port 0 takes a free one. The port that was taken.
    /// errc::unavailable with the reason when the address cannot be had.
    [[nodiscard]] result<std::uint16_t> listen(const std::string& host, std::uint16_t port);

    /// Makes SIGTERM and SIGINT call stop(). Before run().
    void stop_on_signals();

    /// Serves until stop() was called and everything under way is answered.
    void run();

    /// Ends listening; requests that were begun are answered, idle connections closed; what has not ended after the
    /// drain time is cut off. From any thread, more than once.
    void stop();

    /// True from stop() on.
    [[nodiscard]] const std::atomic<bool>& draining() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::web
