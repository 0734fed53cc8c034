// SPDX-License-Identifier: MPL-2.0
// Stops calls to a server that does not answer, and lets one probe through after a pause. The pause has jitter and doubles with
// each failed probe. Thread safe. Private to this layer.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <random>

namespace ctms::service {

/// 80 to 120 percent of `time`, so that many waiting callers do not retry at the same moment.
inline std::chrono::milliseconds with_jitter(std::chrono::milliseconds time) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::chrono::milliseconds(time.count() * std::uniform_int_distribution<int>(80, 120)(random) / 100);
}

class circuit_breaker {
public:
    using clock = std::chrono::steady_clock;

    /// How many consecutive failures open the breaker.
    static constexpr int threshold = 3;

    circuit_breaker(std::chrono::milliseconds first_pause, std::chrono::milliseconds longest_pause)
        : first_pause_(first_pause), longest_pause_(longest_pause) {}

    [[nodiscard]] bool is_open() const {
        const std::lock_guard lock(mutex_);
        return next_probe_.has_value();
    }
    /// When the next probe may be made; nullopt while the breaker is closed.
    [[nodiscard]] std::optional<clock::time_point> next_probe() const {
        const std::lock_guard lock(mutex_);
        return next_probe_;
    }
    /// When the first of the failures happened since the last success; only of use while the breaker is open.
    [[nodiscard]] clock::time_point failing_since() const {
        const std::lock_guard lock(mutex_);
        return failing_since_;
    }
    void succeeded() {
        const std::lock_guard lock(mutex_);
        failures_ = 0;
        next_probe_.reset();
    }
    void failed(clock::time_point now) {
        const std::lock_guard lock(mutex_);
        if (failures_ == 0) failing_since_ = now;
        if (++failures_ < threshold) return;
        if (next_probe_ && now < *next_probe_) return; // a call that had begun before the breaker opened
        pause_ = next_probe_ ? std::min(pause_ * 2, longest_pause_) : first_pause_;
        next_probe_ = now + with_jitter(pause_);
    }

private:
    const std::chrono::milliseconds first_pause_;
    const std::chrono::milliseconds longest_pause_;
    mutable std::mutex mutex_;
    int failures_ = 0;
    clock::time_point failing_since_{};
    std::chrono::milliseconds pause_{};
    std::optional<clock::time_point> next_probe_;
};

} // namespace ctms::service
