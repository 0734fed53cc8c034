// SPDX-License-Identifier: MPL-2.0
// One connection: reads requests, dispatches them, and writes the responses, within the limits. Private to the server.
// Runs on the I/O thread. The listener owns the session and calls enforce() several times a second. Only the listener and the
// session's own coroutine hold a reference to it.
#pragma once

#include "dispatch.hpp"
#include "handshake_pace.hpp"

#include <support/http/reader.hpp>
#include <support/http/tls.hpp>
#include <support/prometheus_metrics.hpp>

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace ctms::web {

/// The number of requests in progress per client network behind trusted proxies. Has at most one entry per connection.
using requests_by_network = std::unordered_map<std::string, std::size_t>;

/// Counts one request in progress from behind a trusted proxy for as long as this object lives.
class counted_request {
public:
    /// `counts` must outlive the object. If `network` is "", nothing is counted.
    counted_request(requests_by_network& counts, std::string network);
    ~counted_request();
    counted_request(const counted_request&) = delete;
    counted_request& operator=(const counted_request&) = delete;

    [[nodiscard]] bool is_over(std::size_t most) const;

private:
    requests_by_network& counts_;
    std::string network_;
};

class event_writer;
class session;

/// What all sessions of a listener share.
struct session_environment {
    dispatcher& dispatch;
    const limits& bounds;
    http::read_bounds read_bounds;
    http::memory_budget& memory;
    http::memory_budget& event_memory; ///< of streams of events, so that those who do not read them take nothing from other responses
    requests_by_network& under_way;
    const http::tls_listener* tls; ///< null: plain HTTP
    handshake_pace& handshakes;
    const std::vector<std::string>& trusted_proxies;
    mozlog::logger& log;
    support::prometheus_metrics& metrics;
    const std::atomic<bool>& draining;
    /// Called when the connection of a session begins to carry events, which have limits of their own: it does not count any more.
    const std::function<void(session&)>& set_aside;
};

/// Counts and logs an exception that ended a connection. `peer_address` is "" if unknown.
void note_failure(mozlog::logger& log, support::prometheus_metrics& metrics, const std::exception& caught,
                  std::string_view peer_address) noexcept;

/// The other end of a connection.
struct peer {
    std::string address;
    unsigned short port = 0;
};

class session : public std::enable_shared_from_this<session> {
public:
    /// `shared` must outlive the session. If shared.tls is set, the connection begins with a TLS handshake.
    session(boost::asio::ip::tcp::socket socket, const session_environment& shared);

    /// Serves the connection until it ends. Keeps the session alive while it runs. A failure ends only this connection.
    boost::asio::awaitable<void> run();

    /// Tells the client that there are too many connections, and closes. `reason` is the name of the limit in the metrics.
    boost::asio::awaitable<void> turn_away(std::string_view reason);

    /// Closes the connection soon if it is idle, otherwise after the response to the current request.
    void drain();
    /// Closes the connection immediately.
    void cut_off();
    /// Ends an operation that has passed its deadline.
    void enforce(std::chrono::steady_clock::time_point now);

    /// The network that the client is counted for: its IPv4 address, or the /64 of its IPv6 address.
    [[nodiscard]] const std::string& network() const noexcept { return network_; }
    /// Whether the peer is a proxy whose X-Forwarded-For is trusted.
    [[nodiscard]] bool is_trusted_proxy() const noexcept { return is_trusted_proxy_; }
    /// Since when the connection has been idle; nullopt while a request is served. A partly received request does not count as served.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> idle_since() const noexcept { return idle_since_; }

private:
    boost::asio::awaitable<void> serve_all();
    boost::asio::awaitable<bool> shake_hands();
    boost::asio::awaitable<bool> wait_for_request();
    http::memory_share* begin(const http::request_head& head);
    void end_request();
    boost::asio::awaitable<bool> serve(http::message read);
    boost::asio::awaitable<bool> write(exchange& one, const http::message& asked, bool keep_alive);
    boost::asio::awaitable<bool> write(std::string head, std::string_view content);
    boost::asio::awaitable<bool> write_pieces(std::shared_ptr<exchange> kept, const http::message& asked, bool keep_alive);
    boost::asio::awaitable<bool> write_lines(exchange& one, const http::message& asked);
    boost::asio::awaitable<void> write_events(exchange& one, const http::message& asked);
    boost::asio::awaitable<void> refuse(http::refusal why);
    boost::asio::awaitable<void> say_farewell();
    void note_refusal(int status, std::string_view reason, const std::string& id);
    exchange to_exchange(http::message& read);

    session_environment shared_;
    peer peer_;
    std::string network_;
    bool is_trusted_proxy_;
    http::stream stream_;
    // Accounting for the current request, by the client's network; behind a trusted proxy, that of the forwarded address.
    std::string client_network_;
    std::optional<http::memory_share> memory_;
    std::optional<counted_request> counted_;
    bool is_one_too_many_ = false;
    http::reader reader_;
    bool is_waiting_ = false;    ///< waiting for the first byte of a request, or for a line of a body that is read in parts
    bool writes_pieces_ = false; ///< a response that must not seem complete if it is cut off
    std::optional<boost::asio::steady_timer> until_handshake_;
    event_writer* events_ = nullptr; ///< while a response stays open
    std::chrono::steady_clock::time_point received_{};
    std::optional<std::chrono::steady_clock::time_point> idle_since_;
};

} // namespace ctms::web
