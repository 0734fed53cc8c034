// SPDX-License-Identifier: MPL-2.0
// Counts failures per key in windows of a minute. Thread safe; memory is bounded: when too many keys fail in one
// minute, the counts start anew.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

namespace ctms::service {

class failure_limit {
public:
    /// `per_minute`: failures of one key that are allowed in a minute; 0 is no limit.
    explicit failure_limit(int per_minute) : per_minute_(per_minute) {}

    /// Notes a failure. True when it is one more than is allowed.
    [[nodiscard]] bool note(const std::string& key, std::chrono::steady_clock::time_point now) {
        if (per_minute_ == 0) return false;
        const std::lock_guard lock(mutex_);
        if (now - window_start_ >= std::chrono::minutes(1) || failures_.size() >= most_keys) {
            failures_.clear();
            window_start_ = now;
        }
        return ++failures_[key] > per_minute_;
    }

private:
    static constexpr std::size_t most_keys = 100'000;
    int per_minute_;
    std::mutex mutex_;
    std::chrono::steady_clock::time_point window_start_{};
    std::unordered_map<std::string, int> failures_;
};

} // namespace ctms::service
