// SPDX-License-Identifier: MPL-2.0
#include "listener.hpp"

#include <support/http/tls.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include <limits>

namespace ctms::web {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

listener::listener(asio::io_context& io, const listener_options& wanted, const std::vector<std::string>& trusted_proxies,
                   mozlog::logger& log, support::prometheus_metrics& metrics, const std::atomic<bool>& draining)
    : io_(io),
      options_(wanted),
      dispatch_(options_.exchanges, options_.threads, options_.bounds, metrics, draining),
      memory_(options_.bounds.memory_bytes, options_.bounds.memory_bytes / 4),
      event_memory_(options_.bounds.event_bytes, options_.bounds.event_bytes / 2),
      shared_{
          .dispatch = dispatch_,
          .bounds = options_.bounds,
          .read_bounds = {options_.bounds.header_bytes, options_.bounds.body_bytes, options_.bounds.header_time, options_.bounds.body_time},
          .memory = memory_,
          .event_memory = event_memory_,
          .under_way = under_way_,
          .tls = options_.tls,
          .handshakes = handshakes_,
          .trusted_proxies = trusted_proxies,
          .log = log,
          .metrics = metrics,
          .draining = draining,
          .set_aside = set_aside_},
      acceptor_(io) {}

std::uint16_t listener::open() {
    const auto found = tcp::resolver(io_).resolve(options_.host, std::to_string(options_.port), tcp::resolver::passive);
    const tcp::endpoint where = found.begin()->endpoint();
    acceptor_.open(where.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(where);
    acceptor_.listen();
    acceptor_.non_blocking(true);
    return acceptor_.local_endpoint().port();
}

void listener::ensure_accepting() {
    if (!is_accepting_ && acceptor_.is_open()) asio::co_spawn(io_, accept(), asio::detached);
}

asio::awaitable<void> listener::accept() {
    is_accepting_ = true;
    // Resets the flag even if an exception ends the coroutine, so that ensure_accepting() can start it again.
    const std::unique_ptr<bool, void (*)(bool*)> until_the_end(&is_accepting_, [](bool* flag) { *flag = false; });
    while (acceptor_.is_open()) {
        tcp::socket socket(io_);
        error_code ec;
        co_await acceptor_.async_accept(socket, http::into(ec));
        if (!ec) {
            start(std::move(socket));
            // One turn of the event loop can take long under load, so several waiting connections are accepted in each turn.
            constexpr int most_in_a_turn = 64;
            accept_what_waits(most_in_a_turn);
        } else if (ec != asio::error::operation_aborted) {
            // Most likely there are no file descriptors left: wait until some are closed.
            constexpr std::chrono::milliseconds pause{50};
            asio::steady_timer timer(io_, pause);
            co_await timer.async_wait(http::into(ec));
        }
    }
}

void listener::accept_what_waits(int most) {
    for (int taken = 0; taken < most && acceptor_.is_open(); ++taken) {
        tcp::socket socket(io_);
        error_code ec;
        acceptor_.accept(socket, ec);
        if (ec) return;
        start(std::move(socket));
    }
}

/// Takes a new connection. A failure affects only this connection.
void listener::start(tcp::socket socket) noexcept {
    try {
        take(std::move(socket));
    } catch (const std::exception& caught) {
        note_failure(shared_.log, shared_.metrics, caught, {});
    }
}

void listener::take(tcp::socket socket) {
    const auto fresh = std::make_shared<session>(std::move(socket), shared_);
    const auto full = make_room_for(*fresh);
    constexpr std::size_t most_at_once = 64; // so many clients are told at a time; the connections of the others are just closed
    if (!full.empty() && turned_away_ >= most_at_once) return shared_.metrics.request_rejected(full);
    asio::co_spawn(io_, serve(std::make_unique<place>(*this, fresh, full)), asio::detached);
}

/// Registers a connection with its listener for as long as its coroutine lives, however the coroutine ends.
class listener::place {
public:
    /// `full`: the limit that was reached, of which the client is told; "" if the connection is served.
    place(listener& of, const std::shared_ptr<session>& one, std::string_view full) : of_(of), one_(one), full_(full) {
        const auto held = of_.sessions_.emplace(one_.get(), entry{one_, false}).first;
        try {
            if (full_.empty()) of_.count(held->second);
        } catch (const std::exception&) {
            of_.sessions_.erase(held);
            throw;
        }
        if (!full_.empty()) ++of_.turned_away_;
    }
    ~place() {
        if (!full_.empty()) --of_.turned_away_;
        const auto held = of_.sessions_.find(one_.get());
        of_.uncount(held->second);
        of_.sessions_.erase(held);
    }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    [[nodiscard]] asio::awaitable<void> run() { return full_.empty() ? one_->run() : one_->turn_away(full_); }

private:
    listener& of_;
    std::shared_ptr<session> one_;
    std::string_view full_;
};

asio::awaitable<void> listener::serve(std::unique_ptr<place> held) { co_await held->run(); }

/// If a limit is reached, closes the longest idle connection that counts towards it. Returns "" if the new connection may stay,
/// otherwise the limit that keeps it out, as named in the metrics.
std::string_view listener::make_room_for(const session& fresh) {
    const auto& bounds = options_.bounds;
    const auto of_network = by_network_.find(fresh.network());
    if (!fresh.is_trusted_proxy() && of_network != by_network_.end() && of_network->second >= bounds.connections_of_address) {
        if (!close_longest_idle(&fresh.network())) return "address";
    }
    if (counted_ >= bounds.connections && !close_longest_idle(nullptr)) return "connections";
    return "";
}

/// Closes the longest idle connection of `network`, or of all networks if it is null. Returns false if none is idle.
bool listener::close_longest_idle(const std::string* network) {
    auto* idle = longest_idle(network);
    if (idle == nullptr) return false;
    uncount(sessions_.at(idle));
    idle->cut_off();
    return true;
}

/// The connection that has been idle for longest among those of `network` or, if it is null, of the network with the most connections.
session* listener::longest_idle(const std::string* network) {
    session* best = nullptr;
    std::size_t most = 0;
    for (const auto& [one, held] : sessions_) {
        const auto since = one->idle_since();
        if (!held.counted || !since) continue;
        if (network != nullptr && (one->is_trusted_proxy() || one->network() != *network)) continue;
        const auto count = one->is_trusted_proxy() ? 1 : by_network_.at(one->network());
        if (best != nullptr && (count < most || (count == most && *since >= *best->idle_since()))) continue;
        best = one;
        most = count;
    }
    return best;
}

void listener::count(entry& from) {
    if (!from.one->is_trusted_proxy()) ++by_network_[from.one->network()];
    ++counted_;
    from.counted = true;
}

void listener::uncount(entry& from) {
    if (!from.counted) return;
    from.counted = false;
    --counted_;
    if (from.one->is_trusted_proxy()) return;
    const auto found = by_network_.find(from.one->network());
    if (--found->second == 0) by_network_.erase(found);
}

void listener::stop_accepting() {
    accept_what_waits(std::numeric_limits<int>::max());
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& [one, held] : sessions_) one->drain();
}

void listener::enforce(std::chrono::steady_clock::time_point now) {
    for (const auto& [one, held] : sessions_) one->enforce(now);
}

void listener::cut_off() {
    dispatch_.abandon();
    for (const auto& [one, held] : sessions_) one->cut_off();
}

} // namespace ctms::web
