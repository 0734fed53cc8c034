// SPDX-License-Identifier: MPL-2.0
// One connection: reads requests, has them answered, writes the answers, within the limits. Private to the server.
// Runs on the one thread of the sockets. The listener owns it and calls enforce() several times a second; nothing else holds it but
// its own coroutine.
#pragma once

#include "dispatch.hpp"
#include "handshake_pace.hpp"

#include <support/http/reader.hpp>
#include <support/http/tls.hpp>
#include <support/prometheus_metrics.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace ctms::web {

/// Requests under way by the network they come from, behind trusted proxies. Never larger than the number of connections.
using requests_by_network = std::unordered_map<std::string, std::size_t>;

/// A request under way from behind a trusted proxy, for as long as this lives.
class counted_request {
public:
    /// `counts` must outlive it. `network`: "" is not counted.
    counted_request(requests_by_network& counts, std::string network);
    ~counted_request();
    counted_request(const counted_request&) = delete;
    counted_request& operator=(const counted_request&) = delete;

    [[nodiscard]] bool is_over(std::size_t most) const;

private:
    requests_by_network& counts_;
    std::string network_;
};

/// What all sessions of a listener share.
struct session_environment {
    dispatcher& dispatch;
    const limits& bounds;
    http::read_bounds read_bounds;
    http::memory_budget& memory;
    requests_by_network& under_way;
    const http::tls_listener* tls; ///< null: plain HTTP
    handshake_pace& handshakes;
    const std::vector<std::string>& trusted_proxies;
    mozlog::logger& log;
    support::prometheus_metrics& metrics;
    const std::atomic<bool>& draining;
};

/// Counts and logs an exception that ended a connection. `peer_address`: "" when it is not known.
void note_failure(mozlog::logger& log, support::prometheus_metrics& metrics, const std::exception& caught,
                  std::string_view peer_address) noexcept;

/// The other end of a connection.
struct peer {
    std::string address;
    unsigned short port = 0;
};

class session : public std::enable_shared_from_this<session> {
public:
    /// `shared` must outlive it; with shared.tls, the connection begins with a handshake.
    session(boost::asio::ip::tcp::socket socket, const session_environment& shared);

    /// Serves the connection to its end. The session lives as long as this runs; what goes wrong in it ends this connection only.
    boost::asio::awaitable<void> run();

    /// Tells a client that there are too many connections, and closes. `reason`: the word of the metrics for the limit.
    boost::asio::awaitable<void> turn_away(std::string_view reason);

    /// Nothing under way: close soon. Something under way: close after its answer.
    void drain();
    /// Closes the connection at once.
    void cut_off();
    /// Ends what waits past its deadline.
    void enforce(std::chrono::steady_clock::time_point now) { stream_.enforce(now); }

    /// The client's address, as counted: of IPv6 the /64.
    [[nodiscard]] const std::string& network() const noexcept { return network_; }
    /// Whether the peer may say in X-Forwarded-For whom it speaks for.
    [[nodiscard]] bool is_trusted_proxy() const noexcept { return is_trusted_proxy_; }
    /// Since when no request has been under way; nullopt while one is. One that has not come whole does not count.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> idle_since() const noexcept { return idle_since_; }

private:
    boost::asio::awaitable<void> serve_all();
    boost::asio::awaitable<bool> shake_hands();
    boost::asio::awaitable<bool> wait_for_request();
    http::memory_share* begin(const http::request_head& head);
    void end_request();
    boost::asio::awaitable<bool> serve(http::message read);
    boost::asio::awaitable<bool> write(exchange& one, const http::message& asked, bool keep_alive);
    boost::asio::awaitable<bool> write_pieces(exchange& one, const http::message& asked, bool keep_alive);
    boost::asio::awaitable<void> refuse(http::refusal why);
    boost::asio::awaitable<void> say_farewell();
    void note_refusal(int status, std::string_view reason, const std::string& id);
    exchange to_exchange(http::message& read);

    session_environment shared_;
    peer peer_;
    std::string network_;
    bool is_trusted_proxy_;
    http::stream stream_;
    // Of the request under way: for whom it is, behind a trusted proxy the forwarded address.
    std::optional<http::memory_share> memory_;
    std::optional<counted_request> counted_;
    bool is_one_too_many_ = false;
    http::reader reader_;
    bool is_waiting_ = false; ///< for the first byte of a request
    std::optional<boost::asio::steady_timer> until_handshake_;
    std::chrono::steady_clock::time_point received_{};
    std::optional<std::chrono::steady_clock::time_point> idle_since_;
};

} // namespace ctms::web
