// SPDX-License-Identifier: MPL-2.0
// Writes a response that stays open (event_source). It waits without a thread, a timer or a database connection of its own: the listener
// calls check() several times a second. Private to the server; runs on the I/O thread.
#pragma once

#include "event_source.hpp"
#include "stream.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <optional>

namespace ctms::web {

class event_writer {
public:
    /// `one.answer.events` must be set. All arguments must outlive the writer.
    event_writer(stream_target target, exchange& one);
    event_writer(const event_writer&) = delete;
    event_writer& operator=(const event_writer&) = delete;

    /// Writes what the source makes until it ends. Returns false if the response was cut short; then it is as in write_stream().
    [[nodiscard]] boost::asio::awaitable<bool> run(const http::response_head& head);

    /// Goes on if the source has something to send, or if the client is gone. Waits only a little longer for a client that does not read if
    /// the source must end.
    void check(std::chrono::steady_clock::time_point now);
    /// Ends soon, because the server stops.
    void stop();
    /// Goes on at once, because the connection was closed.
    void wake() { until_ready_.cancel(); }

private:
    void hurry();
    boost::asio::awaitable<void> wait();
    boost::asio::awaitable<std::optional<written>> send_next(bool chunked);

    stream_target target_;
    exchange& one_;
    event_source& source_;
    const std::function<void()> work_ = [this] { source_.work(); };
    boost::asio::steady_timer until_ready_;
    bool is_waiting_ = false;
    bool is_hurried_ = false;
    std::chrono::steady_clock::time_point looks_at_{}; ///< when to look next whether the client is gone
};

} // namespace ctms::web
