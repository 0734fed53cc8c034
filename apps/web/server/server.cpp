// SPDX-License-Identifier: MPL-2.0
#include "server.hpp"

#include "session.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <csignal>
#include <set>

namespace ctms::web {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

class server::impl {
public:
    impl(const exchanger& exchanges, lanes& threads, const limits& bounds, mozlog::logger& log, support::prometheus_metrics& metrics)
        : bounds_(bounds), shared_{exchanges, threads, together_, bounds_, log, metrics, draining_} {}

    result<std::uint16_t> listen(const std::string& host, std::uint16_t port) {
        try {
            const auto found = tcp::resolver(io_).resolve(host, std::to_string(port), tcp::resolver::passive);
            const tcp::endpoint where = found.begin()->endpoint();
            acceptor_.open(where.protocol());
            acceptor_.set_option(tcp::acceptor::reuse_address(true));
            acceptor_.bind(where);
            acceptor_.listen();
            acceptor_.non_blocking(true);
            return acceptor_.local_endpoint().port();
        } catch (const boost::system::system_error& problem) {
            return error{errc::unavailable, fmt::format("cannot listen on {}:{}: {}", host, port, problem.code().message()), {}, {}, {}};
        }
    }

    void stop_on_signals() {
        signals_.add(SIGTERM);
        signals_.add(SIGINT);
        signals_.async_wait([this](const error_code& ec, int) {
            if (!ec) drain();
        });
    }

    void run() {
        asio::co_spawn(io_, accept(), asio::detached);
        io_.run();
    }

    void stop() {
        draining_ = true;
        asio::post(io_, [this] { drain(); });
    }

    const std::atomic<bool>& draining() const noexcept { return draining_; }

private:
    asio::awaitable<void> accept() {
        while (acceptor_.is_open()) {
            tcp::socket socket(io_);
            error_code ec;
            co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, ec));
            if (!ec) {
                start(std::move(socket));
            } else if (ec != asio::error::operation_aborted) {
                co_await pause_accepting();
            }
        }
    }

    /// No descriptors left, most likely: some will come free.
    asio::awaitable<void> pause_accepting() {
        constexpr std::chrono::milliseconds pause{50};
        asio::steady_timer timer(io_, pause);
        error_code ignored;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }

    void start(tcp::socket socket) {
        if (sessions_.size() >= bounds_.connections) return turn_away(std::move(socket));
        const auto one = std::make_shared<session>(std::move(socket), shared_);
        sessions_.insert(one.get());
        asio::co_spawn(io_, one->run(), [this, one](const std::exception_ptr&) { forget(one.get()); });
    }

    /// Answers 503 and waits a moment for the client to take it; of too many of these at once the rest are just closed.
    void turn_away(tcp::socket socket) {
        constexpr int most_at_once = 64;
        if (turned_away_ >= most_at_once) {
            shared_.metrics.request_rejected("connections");
            return;
        }
        ++turned_away_;
        const auto one = std::make_shared<session>(std::move(socket), shared_);
        asio::co_spawn(io_, one->turn_away(), [this](const std::exception_ptr&) { --turned_away_; });
    }

    void forget(session* one) {
        sessions_.erase(one);
        if (draining_ && sessions_.empty()) drain_timer_.cancel();
    }

    void drain() {
        draining_ = true;
        if (!acceptor_.is_open()) return;
        signals_.cancel();
        accept_what_waits();
        error_code ignored;
        acceptor_.close(ignored);
        for (auto* one : sessions_) one->drain();
        if (sessions_.empty()) return;
        drain_timer_.expires_after(bounds_.drain_time);
        drain_timer_.async_wait([this](const error_code& ec) {
            if (ec) return;
            for (auto* one : sessions_) one->cut_off();
        });
    }

    /// Connections that the kernel has taken already are served: their clients cannot know that we stop.
    void accept_what_waits() {
        while (true) {
            tcp::socket socket(io_);
            error_code ec;
            acceptor_.accept(socket, ec);
            if (ec) return;
            start(std::move(socket));
        }
    }

    limits bounds_;
    std::atomic<bool> draining_ = false;
    gatherings together_;
    session_environment shared_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_{io_};
    asio::signal_set signals_{io_};
    asio::steady_timer drain_timer_{io_};
    std::set<session*> sessions_;
    int turned_away_ = 0; ///< connections beyond the limit that are being told so
};

server::server(const exchanger& exchanges, lanes& threads, const limits& bounds, mozlog::logger& log, support::prometheus_metrics& metrics)
    : impl_(std::make_unique<impl>(exchanges, threads, bounds, log, metrics)) {}
server::~server() = default;

result<std::uint16_t> server::listen(const std::string& host, std::uint16_t port) { return impl_->listen(host, port); }
void server::stop_on_signals() { impl_->stop_on_signals(); }
void server::run() { impl_->run(); }
void server::stop() { impl_->stop(); }
const std::atomic<bool>& server::draining() const noexcept { return impl_->draining(); }

} // namespace ctms::web
