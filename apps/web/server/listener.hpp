// SPDX-License-Identifier: MPL-2.0
// One port of the server and its connections, shared fairly: the number per address is limited, and when no more are allowed, the
// longest idle one is closed to make room. Private to the server; runs on the I/O thread.
#pragma once

#include "server.hpp"
#include "session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace ctms::web {

class listener {
public:
    listener(boost::asio::io_context& io, const listener_options& wanted, const std::vector<std::string>& trusted_proxies,
             mozlog::logger& log, support::prometheus_metrics& metrics, const std::atomic<bool>& draining);
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

    /// Opens the port and returns its number. Throws boost::system::system_error.
    std::uint16_t open();
    /// Accepts connections until stop_accepting(). Call it again from time to time, because an exception ends the accepting.
    void ensure_accepting();
    /// Stops listening. Connections that the kernel has already accepted are still served, since their clients cannot know that the
    /// server is stopping. Idle connections are closed soon.
    void stop_accepting();
    /// Ends operations that have passed their deadline.
    void enforce(std::chrono::steady_clock::time_point now);
    /// Closes all connections, and drops the requests that wait for a thread.
    void cut_off();
    [[nodiscard]] std::size_t connections() const noexcept { return sessions_.size(); }

private:
    struct entry {
        std::shared_ptr<session> one;
        bool counted = false; ///< false: refused because of a limit, or closed to make room
    };
    void accept_what_waits(int most);
    class place;
    boost::asio::awaitable<void> accept();
    void start(boost::asio::ip::tcp::socket socket) noexcept;
    void take(boost::asio::ip::tcp::socket socket);
    std::string_view make_room_for(const session& fresh);
    bool close_longest_idle(const std::string* network);
    session* longest_idle(const std::string* network);
    void count(entry& from);
    void uncount(entry& from);
    boost::asio::awaitable<void> serve(std::unique_ptr<place> held);

    boost::asio::io_context& io_;
    listener_options options_;
    dispatcher dispatch_;
    http::memory_budget memory_;
    http::memory_budget event_memory_;
    requests_by_network under_way_;
    handshake_pace handshakes_;
    const std::function<void(session&)> set_aside_ = [this](session& one) { uncount(sessions_.at(&one)); };
    session_environment shared_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::unordered_map<session*, entry> sessions_;
    std::unordered_map<std::string, std::size_t> by_network_; ///< counted connections, without those of trusted proxies
    std::size_t counted_ = 0;
    std::size_t turned_away_ = 0;
    bool is_accepting_ = false;
};

} // namespace ctms::web
