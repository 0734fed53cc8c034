// SPDX-License-Identifier: MPL-2.0
// Jobs that wait for a thread and are taken in turn between their owners: an owner with many jobs delays the next one of
// another by one job, not by all. Bounded for each owner and in total. Thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace ctms::web {

/// What became of a job that was to wait.
enum class queued : std::uint8_t {
    taken,
    owner_full, ///< its owner has as many waiting as one may have
    full        ///< too many wait in all
};

template <class Job>
class fair_queue {
public:
    fair_queue(std::size_t most_each, std::size_t most) : most_each_(most_each), most_(most) {}

    [[nodiscard]] queued push(const std::string& owner, Job job) {
        const std::lock_guard lock(mutex_);
        if (size_ >= most_) return queued::full;
        const auto found = waiting_.find(owner);
        if (found != waiting_.end() && found->second.size() >= most_each_) return queued::owner_full;
        auto& jobs = found == waiting_.end() ? waiting_[owner] : found->second;
        jobs.push_back(std::move(job));
        if (jobs.size() == 1) turns_.push_back(owner);
        ++size_;
        return queued::taken;
    }

    /// The oldest job of the owner whose turn it is; nullopt when nothing waits.
    [[nodiscard]] std::optional<Job> pop() {
        const std::lock_guard lock(mutex_);
        if (turns_.empty()) return std::nullopt;
        auto owner = std::move(turns_.front());
        turns_.pop_front();
        const auto found = waiting_.find(owner);
        std::optional<Job> job(std::move(found->second.front()));
        found->second.pop_front();
        --size_;
        if (found->second.empty()) {
            waiting_.erase(found);
        } else {
            turns_.push_back(std::move(owner));
        }
        return job;
    }

private:
    const std::size_t most_each_;
    const std::size_t most_;
    std::mutex mutex_;
    std::size_t size_ = 0;
    std::unordered_map<std::string, std::deque<Job>> waiting_;
    std::deque<std::string> turns_; ///< owners of what waits, each once
};

} // namespace ctms::web
