// SPDX-License-Identifier: MPL-2.0
#include "server.hpp"

#include "listener.hpp"

#include <support/http/ticking_loop.hpp>

#include <boost/asio/signal_set.hpp>
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
        auto fresh = std::make_unique<listener>(loop_.context(), wanted, trusted_proxies_, log_, metrics_, draining_);
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

    void run() { loop_.run(); }

    void stop() {
        draining_ = true;
        asio::post(loop_.context(), [this] { drain(); });
    }

    const std::atomic<bool>& draining() const noexcept { return draining_; }

private:
    /// Ends operations that have passed their deadline, in all connections, and restarts what an exception ended. Returns false when
    /// nothing is left to do.
    bool tick() {
        const auto now = steady_clock::now();
        for (const auto& one : listeners_) {
            one->ensure_accepting();
            now < drain_until_ ? one->enforce(now) : one->cut_off();
        }
        return_memory(now);
        return drain_until_ == steady_clock::time_point::max() || connections() != 0;
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
        loop_.tick_soon();
    }

    limits bounds_;
    const std::vector<std::string>& trusted_proxies_;
    mozlog::logger& log_;
    support::prometheus_metrics& metrics_;
    std::atomic<bool> draining_ = false;
    steady_clock::time_point drain_until_ = steady_clock::time_point::max();
    static constexpr std::chrono::milliseconds period{50}; ///< between two ticks
    http::ticking_loop loop_{period, [this] { return tick(); },
                             [this](const std::exception& caught) { note_failure(log_, metrics_, caught, {}); }};
    std::vector<std::unique_ptr<listener>> listeners_;
    asio::signal_set stop_signals_{loop_.context()};
    asio::signal_set hangup_{loop_.context()};
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
