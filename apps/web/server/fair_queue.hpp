// SPDX-License-Identifier: MPL-2.0
// A queue of jobs that serves its owners in turn: an owner with many jobs delays another owner's next job by one job, not by all of
// them. The number of jobs is bounded per owner and in total. Thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace ctms::web {

/// Whether a job was added to the queue.
enum class queued : std::uint8_t {
    taken,
    owner_full, ///< the job's owner has too many jobs waiting
    full        ///< too many jobs are waiting in total
};

template <class Job>
class fair_queue {
public:
    fair_queue(std::size_t most_each, std::size_t most) : most_each_(most_each), most_(most) {}

    /// Adds a job and calls `send_taker`, which schedules one more call of pop(). If that throws or memory runs out, adds nothing.
    template <class Send>
    [[nodiscard]] queued push(const std::string& owner, Job job, const Send& send_taker) {
        const std::lock_guard lock(mutex_);
        if (size_ >= most_) return queued::full;
        auto& jobs = waiting_[owner];
        if (jobs.size() >= most_each_) return queued::owner_full;
        const auto jobs_before = jobs.size();
        const auto turns_before = turns_.size();
        try {
            jobs.push_back(std::move(job));
            if (jobs.size() == 1) turns_.push_back(owner);
            send_taker();
        } catch (...) {
            if (turns_.size() > turns_before) turns_.pop_back();
            if (jobs.size() > jobs_before) jobs.pop_back();
            if (jobs.empty()) waiting_.erase(owner);
            throw;
        }
        ++size_;
        return queued::taken;
    }

    /// Removes and returns the oldest job of the owner whose turn it is; nullopt if the queue is empty.
    [[nodiscard]] std::optional<Job> pop() {
        const std::lock_guard lock(mutex_);
        if (turns_.empty()) return std::nullopt;
        const auto found = waiting_.find(turns_.front());
        std::optional<Job> job(std::move(found->second.front()));
        found->second.pop_front();
        --size_;
        if (found->second.empty()) {
            waiting_.erase(found);
            turns_.pop_front();
        } else {
            turns_.splice(turns_.end(), turns_, turns_.begin());
        }
        return job;
    }

private:
    const std::size_t most_each_;
    const std::size_t most_;
    std::mutex mutex_;
    std::size_t size_ = 0;
    std::unordered_map<std::string, std::deque<Job>> waiting_;
    std::list<std::string> turns_; ///< the owners of waiting jobs, each once, in order of their turns
};

} // namespace ctms::web
