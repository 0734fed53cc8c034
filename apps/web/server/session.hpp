// SPDX-License-Identifier: MPL-2.0
// One connection: reads requests, has them answered, writes the answers, within the limits. Private to the server.
// Runs on the one thread of the sockets.
#pragma once

#include "exchange.hpp"
#include "lanes.hpp"
#include "limits.hpp"

#include <support/prometheus_metrics.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>

namespace ctms::web {

/// An exchange that waits for its lane, and how its session goes on behind it, on the thread of the sockets.
struct waiting_exchange {
    exchange* one;
    std::function<void()> resume;
};

/// Exchanges that wait to be answered together, by route.
using gatherings = std::map<const route*, std::shared_ptr<gathering<waiting_exchange>>>;

/// What all sessions of a server share.
struct session_environment {
    const exchanger& exchanges;
    lanes& threads;
    gatherings& together;
    const limits& bounds;
    mozlog::logger& log;
    support::prometheus_metrics& metrics;
    const std::atomic<bool>& draining;
};

/// Cancels what a socket waits for when its time is over, and leaves it open, so that an answer can still be written.
class deadline {
public:
    explicit deadline(boost::asio::ip::tcp::socket& socket) : socket_(socket), timer_(socket.get_executor()) {}
    void arm(std::chrono::milliseconds time);
    void disarm();
    [[nodiscard]] bool passed() const noexcept { return passed_; }

private:
    boost::asio::ip::tcp::socket& socket_;
    boost::asio::steady_timer timer_;
    bool passed_ = false;
};

class session : public std::enable_shared_from_this<session> {
public:
    session(boost::asio::ip::tcp::socket socket, const session_environment& shared);

    /// Serves the connection to its end. The session lives as long as this runs.
    boost::asio::awaitable<void> run();

    /// Tells a client that there are too many connections, and closes.
    boost::asio::awaitable<void> turn_away();

    /// Nothing under way: close soon. Something under way: close behind its answer.
    void drain();
    /// Closes the connection at once.
    void cut_off();

private:
    using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    boost::asio::awaitable<bool> wait_for_bytes();
    boost::asio::awaitable<bool> read_request(parser& into);
    boost::asio::awaitable<bool> serve(parser& read);
    boost::asio::awaitable<void> execute(exchange& one);
    bool submit(exchange& one, std::function<void()> resume);
    boost::asio::awaitable<void> go_on(exchange& one);
    boost::asio::awaitable<bool> write(exchange& one, bool keep_alive);
    boost::asio::awaitable<bool> write_pieces(exchange& one, bool keep_alive, bool chunked);
    boost::asio::awaitable<void> refuse(int status, std::string_view reason);
    boost::asio::awaitable<void> refuse_unreadable(const boost::system::error_code& why);
    exchange to_exchange(parser& read);

    boost::asio::ip::tcp::socket socket_;
    session_environment shared_;
    deadline deadline_;
    boost::beast::flat_buffer buffer_;
    std::string peer_address_;
    unsigned short peer_port_ = 0;
    std::chrono::steady_clock::time_point received_{};
    bool idle_ = false;
};

} // namespace ctms::web
