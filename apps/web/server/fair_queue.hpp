// SPDX-License-Identifier: MPL-2.0
// A queue of jobs that serves its owners in turn: an owner with many jobs delays another owner's next job by one job, not by all of
// them. The number of jobs is bounded per owner and in total. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

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

    /// Adds a job and calls `send_taker`, which sees to it that somebody will call pop(). If that throws or memory runs out, adds nothing.
    template <class Send>
    [[nodiscard]] queued push(const std::string& owner, Job job, const Send& send_taker) {
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

    /// Removes and returns the oldest job of the owner whose turn it is, without owners for whom `may_run(owner)` is false; nullopt if
    /// there is none. Needs no memory if the move constructor of a job needs none.
    template <class MayRun>
    [[nodiscard]] std::optional<Job> pop(const MayRun& may_run) {
        for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
            if (!may_run(*turn)) continue;
            auto& jobs = waiting_.find(*turn)->second;
            std::optional<Job> job(std::move(jobs.front()));
            jobs.pop_front();
            end_turn(turn);
            return job;
        }
        return std::nullopt;
    }
    [[nodiscard]] std::optional<Job> pop() {
        return pop([](const std::string&) { return true; });
    }

    /// Moves jobs for which `fits(job)` is true to `to` until it has `most`, in turns of their owners and in the order of each owner. Looks
    /// at no more than 64 jobs of an owner for each. Needs no memory if `to` has the capacity.
    template <class Fits>
    void take(std::vector<Job>& to, std::size_t most, const Fits& fits) {
        bool found = true;
        while (found && to.size() < most) {
            found = false;
            auto next = turns_.begin();
            for (auto left = turns_.size(); left > 0 && to.size() < most; --left) {
                const auto turn = next++;
                auto& jobs = waiting_.find(*turn)->second;
                const auto job = find_one(jobs, fits);
                if (job == jobs.end()) continue;
                to.push_back(std::move(*job));
                jobs.erase(job);
                end_turn(turn);
                found = true;
            }
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    using jobs_of_owner = std::list<Job>;

    template <class Fits>
    static typename jobs_of_owner::iterator find_one(jobs_of_owner& jobs, const Fits& fits) {
        constexpr int most_looked_at = 64;
        auto one = jobs.begin();
        for (int i = 0; i < most_looked_at && one != jobs.end(); ++i, ++one) {
            if (fits(*one)) return one;
        }
        return jobs.end();
    }

    /// After a job of this owner was removed: the other owners come first.
    void end_turn(std::list<std::string>::iterator turn) {
        --size_;
        const auto found = waiting_.find(*turn);
        if (found->second.empty()) {
            waiting_.erase(found);
            turns_.erase(turn);
        } else {
            turns_.splice(turns_.end(), turns_, turn);
        }
    }

    const std::size_t most_each_;
    const std::size_t most_;
    std::size_t size_ = 0;
    std::unordered_map<std::string, jobs_of_owner> waiting_;
    std::list<std::string> turns_; ///< the owners of waiting jobs, each once, in order of their turns
};

} // namespace ctms::web
