// SPDX-License-Identifier: MPL-2.0
// Reports errors to Sentry (https://develop.sentry.dev/sdk/), on a thread of its own, so that a slow Sentry delays nothing. Thread safe.
#pragma once

#include "sentry_event.hpp"

#include <ctms/mozlog/logger.hpp>
#include <ctms/net/http_client.hpp>
#include <support/config/values.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace ctms::support {

/// Limits of the reports; tests use shorter times.
struct sentry_limits {
    std::size_t waiting = 100;                     ///< events that wait; more are left out
    int attempts = 5;                              ///< to send an event to which the server answers with 5xx
    std::size_t per_minute = 60;                   ///< events that are taken in a minute; more are left out
    std::chrono::milliseconds first_wait{1000};    ///< after a failure to send, doubled up to longest_wait
    std::chrono::milliseconds longest_wait{60000}; ///< between attempts
    std::chrono::milliseconds last_attempts{2000}; ///< how long stop() tries to send what waits
};

/// A connection to Sentry. The next event that is sent says how many were left out before it.
class sentry {
public:
    /// `failed` gets the reason of the first failure of a series, on another thread. Throws std::invalid_argument if the DSN's URL is not
    /// valid.
    sentry(const config::sentry_dsn& dsn, sentry_origin from, std::function<void(std::string_view)> failed, sentry_limits limits = {});
    ~sentry();
    sentry(const sentry&) = delete;
    sentry& operator=(const sentry&) = delete;

    /// Sends the line as an event soon. Does not wait and does not throw; without memory, the event is left out.
    void report(const mozlog::record& line) noexcept;

    /// Sends what waits, and ends the reports: later ones are left out. Blocks for at most limits.last_attempts and a call's timeout of two
    /// seconds.
    void stop() noexcept;

private:
    using clock = std::chrono::steady_clock;

    /// The lock must be held.
    [[nodiscard]] bool may_take();
    void run(const std::stop_token& stop);
    /// What to do after an attempt to send an event.
    struct attempt {
        enum class outcome : std::uint8_t { done, unanswered, failed_there };
        outcome what = outcome::done;       ///< otherwise the event is sent again
        std::chrono::milliseconds pause{0}; ///< before the next attempt
    };
    [[nodiscard]] attempt send(const std::string& envelope) noexcept;
    [[nodiscard]] attempt answered(const net::http_response& answer);
    /// How long to wait after a failure; twice as long after the next one.
    [[nodiscard]] std::chrono::milliseconds next_wait() noexcept;
    void note_failure(std::string_view reason);

    net::http_client client_;
    const std::string target_;
    const std::string authentication_;
    const sentry_origin from_;
    const std::function<void(std::string_view)> failed_;
    const sentry_limits limits_;
    std::chrono::milliseconds wait_; ///< used by the thread only
    bool is_failing_ = false;        ///< used by the thread only

    std::mutex mutex_; ///< guards the members below
    std::condition_variable_any changed_;
    std::deque<std::string> waiting_;
    std::uint64_t left_out_ = 0;
    clock::time_point minute_;
    std::size_t in_minute_ = 0;
    clock::time_point end_ = clock::time_point::max(); ///< of the attempts; earlier once stop() was called
    std::jthread thread_;                              ///< last, because it uses the others
};

} // namespace ctms::support
