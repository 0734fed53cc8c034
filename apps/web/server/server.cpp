// SPDX-License-Identifier: MPL-2.0
#include "server.hpp"

#include "listener.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include <malloc.h>

namespace ctms::web {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::steady_clock;

class server::impl {
public:
    impl(const limits& bounds, const std::vector<std::string>& trusted_proxies, mozlog::logger& log, support::prometheus_metrics& metrics)
        : bounds_(bounds), trusted_proxies_(trusted_proxies), log_(log), metrics_(metrics) {}

    result<std::uint16_t> listen(const listener_options& wanted) {
        auto fresh = std::make_unique<listener>(io_, wanted, trusted_proxies_, log_, metrics_, draining_);
        try {
            const auto port = fresh->open();
            listeners_.push_back(std::move(fresh));
            return port;
        } catch (const boost::system::system_error& problem) {
            return error{errc::unavailable,
                         fmt::format("cannot listen on {}:{}: {}", wanted.host, wanted.port, problem.code().message()),
                         {},
                         {},
                         {}};
        }
    }

    void handle_signals(std::function<void()> reload) {
        stop_signals_.add(SIGTERM);
        stop_signals_.add(SIGINT);
        stop_signals_.async_wait([this](const error_code& ec, int) {
            if (!ec) drain();
        });
        hangup_.add(SIGHUP);
        asio::co_spawn(io_, reload_on_hangup(std::move(reload)), asio::detached);
    }

    void run() {
        for (const auto& one : listeners_) asio::co_spawn(io_, one->accept(), asio::detached);
        asio::co_spawn(io_, enforce_deadlines(), asio::detached);
        while (!runs_to_the_end()) {
        }
    }

    void stop() {
        draining_ = true;
        asio::post(io_, [this] { drain(); });
    }

    const std::atomic<bool>& draining() const noexcept { return draining_; }

private:
    /// False when an operation threw outside of the coroutines, for want of memory, say: its connection has ended by that, and the
    /// others go on.
    bool runs_to_the_end() noexcept {
        try {
            io_.run();
            return true;
        } catch (const std::exception& caught) {
            note_failure(log_, metrics_, caught, {});
            return false;
        }
    }

    /// Ends what waits past its deadline, in all connections, until the server has stopped.
    asio::awaitable<void> enforce_deadlines() {
        constexpr std::chrono::milliseconds period{50};
        while (drain_until_ == steady_clock::time_point::max() || connections() > 0) {
            ticks_.expires_after(period);
            error_code ignored;
            co_await ticks_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            const auto now = steady_clock::now();
            for (const auto& one : listeners_) now < drain_until_ ? one->enforce(now) : one->cut_off();
            return_memory(now);
        }
    }

    /// When most connections of a burst have ended, the memory that they held goes back to the system, every five seconds at most:
    /// glibc keeps what lies below something that is still in use (malloc_trim(3)).
    void return_memory(steady_clock::time_point now) {
        constexpr std::size_t burst = 50;
        constexpr std::chrono::seconds pause{5};
        const auto open = connections();
        most_connections_ = std::max(most_connections_, open);
        if (most_connections_ < burst || open > most_connections_ / 2 || now < last_trim_ + pause) return;
        malloc_trim(0);
        last_trim_ = now;
        most_connections_ = open;
    }

    asio::awaitable<void> reload_on_hangup(std::function<void()> reload) {
        error_code ec;
        while (true) {
            co_await hangup_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
            if (ec) co_return;
            try {
                reload();
            } catch (const std::exception& caught) {
                note_failure(log_, metrics_, caught, {});
            }
        }
    }

    [[nodiscard]] std::size_t connections() const {
        std::size_t out = 0;
        for (const auto& one : listeners_) out += one->connections();
        return out;
    }

    void drain() {
        draining_ = true;
        if (drain_until_ != steady_clock::time_point::max()) return;
        drain_until_ = steady_clock::now() + bounds_.drain_time;
        stop_signals_.cancel();
        hangup_.cancel();
        for (const auto& one : listeners_) one->stop_accepting();
        ticks_.cancel();
    }

    limits bounds_;
    const std::vector<std::string>& trusted_proxies_;
    mozlog::logger& log_;
    support::prometheus_metrics& metrics_;
    std::atomic<bool> draining_ = false;
    steady_clock::time_point drain_until_ = steady_clock::time_point::max();
    asio::io_context io_{1};
    std::vector<std::unique_ptr<listener>> listeners_;
    asio::signal_set stop_signals_{io_};
    asio::signal_set hangup_{io_};
    asio::steady_timer ticks_{io_};
    std::size_t most_connections_ = 0; ///< since memory went back
    steady_clock::time_point last_trim_{};
};

server::server(const limits& bounds, const std::vector<std::string>& trusted_proxies, mozlog::logger& log,
               support::prometheus_metrics& metrics)
    : impl_(std::make_unique<impl>(bounds, trusted_proxies, log, metrics)) {}
server::~server() = default;

result<std::uint16_t> server::listen(const listener_options& wanted) { return impl_->listen(wanted); }
void server::handle_signals(std::function<void()> reload) { impl_->handle_signals(std::move(reload)); }
void server::run() { impl_->run(); }
void server::stop() { impl_->stop(); }
const std::atomic<bool>& server::draining() const noexcept { return impl_->draining(); }

} // namespace ctms::web
