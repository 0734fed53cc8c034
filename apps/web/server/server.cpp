// SPDX-License-Identifier: MPL-2.0
#include "server.hpp"

#include "listener.hpp"

#include <support/http/memory.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
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
            return unavailable(fmt::format("cannot listen on {}:{}: {}", wanted.host, wanted.port, problem.code().message()));
        }
    }

    void handle_signals(std::function<void()> reload) {
        stop_signals_.add(SIGTERM);
        stop_signals_.add(SIGINT);
        stop_signals_.add(SIGQUIT);
        stop_signals_.async_wait([this](const error_code& ec, int) {
            if (!ec) drain();
        });
        reload_ = std::move(reload);
        hangup_.add(SIGHUP);
        wait_for_hangup();
    }

    void run() {
        while (!runs_to_the_end()) {
        }
    }

    void stop() {
        draining_ = true;
        asio::post(io_, [this] { drain(); });
    }

    const std::atomic<bool>& draining() const noexcept { return draining_; }

private:
    /// Runs the event loop. Returns false if an operation threw outside of the coroutines, for instance because memory ran out. That
    /// operation's connection has then ended; the others continue.
    bool runs_to_the_end() noexcept {
        try {
            if (!is_ticking_) tick();
            io_.run();
            return true;
        } catch (const std::exception& caught) {
            note_failure(log_, metrics_, caught, {});
            return false;
        }
    }

    /// Runs several times a second until the server has stopped: ends operations that have passed their deadline, in all connections,
    /// and restarts what an exception ended. This is a plain handler because an exception would end a coroutine for good.
    void tick() {
        constexpr std::chrono::milliseconds period{50};
        const auto now = steady_clock::now();
        for (const auto& one : listeners_) {
            one->ensure_accepting();
            now < drain_until_ ? one->enforce(now) : one->cut_off();
        }
        http::set_memory_aside_again();
        return_memory(now);
        if (drain_until_ != steady_clock::time_point::max() && connections() == 0) return;
        ticks_.expires_after(period);
        ticks_.async_wait([this](const error_code&) {
            is_ticking_ = false;
            tick();
        });
        is_ticking_ = true;
    }

    void wait_for_hangup() {
        hangup_.async_wait([this](const error_code& ec, int) {
            if (ec) return;
            try {
                reload_();
            } catch (const std::exception& caught) {
                note_failure(log_, metrics_, caught, {});
            }
            wait_for_hangup();
        });
    }

    /// Returns memory to the system after most connections of a burst have ended, at most every five seconds. Otherwise glibc keeps
    /// free memory that lies below blocks still in use (malloc_trim(3)).
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
    bool is_ticking_ = false;
    std::function<void()> reload_;
    std::size_t most_connections_ = 0; ///< since memory was last returned to the system
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
