// SPDX-License-Identifier: MPL-2.0
// The threads that run handlers, in lanes that cannot starve each other. In each lane, the API clients take turns. The number of waiting
// jobs is bounded. Includes Asio, so include it only in the server's sources. Thread safe.
#pragma once

#include "fair_queue.hpp"
#include "route.hpp"

#include <boost/asio/thread_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace ctms::web {

struct exchange;

struct lane_sizes {
    int read = 2;
    int write = 2;
    int token = 2;
    int password = 1; ///< each verification takes 64 MiB and one core
    int caller = 4;
    int platform = 2;
    int health = 1; ///< heartbeats that wait for a probe share its result
};

/// How long threads wait for memory before they try again.
constexpr std::chrono::milliseconds pause_without_memory{5};

/// Returns what `function` returns, and calls it again for as long as it throws std::bad_alloc. For the threads of lanes, because
/// coroutines wait for their work without a deadline. `function` must have no effect if it throws.
template <class Function>
auto retry_without_memory(const Function& function) noexcept {
    for (;;) {
        try {
            return function();
        } catch (const std::bad_alloc&) {
            std::this_thread::sleep_for(pause_without_memory);
        }
    }
}

/// An exchange that waits for its lane, and the function that resumes its coroutine on the I/O thread.
struct waiting_exchange {
    exchange* one;
    std::function<void()> resume;
};

/// Exchanges that may run together. It must outlive its jobs.
struct job_group {
    std::function<void(std::vector<waiting_exchange>)> run; ///< may not throw
    std::size_t waiting = 0;                                ///< for the lane only
};

/// The threads of one lane and what waits for them. Owners take turns. If `leaves_room` is set, an owner never has all threads while other
/// owners use the lane, too: its jobs may be long. If several owners together have all threads, another one waits until a job ends.
class lane_threads {
public:
    using clock = std::chrono::steady_clock;

    /// `sharers`: how many threads share the jobs of a group that wait. `most_each`, `most`: how many jobs may wait for each owner, and in
    /// total, not counting running ones.
    lane_threads(int threads, int sharers, std::size_t most_each, std::size_t most, bool leaves_room);
    /// Returns when all jobs have run. Nothing may be submitted meanwhile.
    void join();

    /// Runs `work`, which may not throw, on a thread. Adds nothing if it throws std::bad_alloc.
    [[nodiscard]] queued submit(const std::string& owner, std::function<void()> work);
    /// Calls `group.run` with this exchange and others of the group that wait when a thread becomes free, at most 16 together. An exchange
    /// never waits for others: a single one runs alone. With `alone`, no other one runs with it. Adds nothing if it throws std::bad_alloc.
    [[nodiscard]] queued submit(const std::string& owner, job_group& group, waiting_exchange one, bool alone);

    [[nodiscard]] std::size_t size() const noexcept { return running_.size(); }

private:
    struct job {
        std::string owner;
        std::function<void()> work; ///< of a job without a group
        job_group* group = nullptr;
        waiting_exchange one{};
        bool alone = false;
    };
    [[nodiscard]] queued add(job next);
    void serve() noexcept;
    /// Takes what a thread runs next; nothing if there is nothing that it may run. The lock must be held.
    void take(std::vector<job>& to);
    [[nodiscard]] bool may_run(const std::string& owner) const;
    void note_owner(const std::string& owner);

    const std::size_t sharers_;
    const bool leaves_room_;
    std::mutex mutex_;
    fair_queue<job> waiting_;
    std::size_t takers_ = 0;                  ///< threads that work, or are asked to
    std::vector<const std::string*> running_; ///< for each thread: the owner of its job, or null
    /// The two owners that came last, and when. Two are enough to see whether an owner is alone.
    struct recent_owner {
        std::string name;
        clock::time_point came{};
    };
    std::array<recent_owner, 2> recent_;
    boost::asio::thread_pool threads_; ///< last, so that the threads end first
};

class lanes {
public:
    /// `most_waiting`: how many jobs may wait in one lane, not counting running ones.
    lanes(const lane_sizes& sizes, std::size_t most_waiting);
    ~lanes();
    lanes(const lanes&) = delete;
    lanes& operator=(const lanes&) = delete;

    /// Runs `work` on a thread of the lane, which must not be `immediate`. Returns false, without running it, if too many jobs are
    /// waiting. Like the other functions, submits nothing if it throws std::bad_alloc. `owner` is the API client, "" if unknown.
    [[nodiscard]] bool submit(lane where, const std::string& owner, std::function<void()> work);
    /// Runs an exchange with others of its group, see lane_threads::submit(). The threads of the lane `read` share the waiting exchanges of
    /// a group, so that all of them work; in the other lanes one thread takes all, because a commit costs more than a second thread gains.
    [[nodiscard]] bool submit(lane where, const std::string& owner, job_group& group, waiting_exchange one, bool alone);

    /// Runs `job` on a thread of the lane `password`, serving owners in turn. See fair_queue for the other results. `job` learns whether
    /// all threads were busy when it came, so that it had to wait. Without `may_wait`, such a job is refused as `full`.
    /// These threads have normal priority: a low-priority thread that is preempted while it holds a lock can block all others, and
    /// lower priority did not make reads faster in a flood of requests.
    [[nodiscard]] queued submit_in_turn(const std::string& owner, std::function<void(bool waited)> job, bool may_wait);

    /// Makes the calling thread of the lane `password` sleep as long as a job took, at most half a second: refused secrets then take
    /// half a core, no matter how many arrive.
    static void rest_after(std::chrono::steady_clock::duration took);

private:
    lane_threads& threads_of(lane where);

    std::atomic<std::size_t> of_passwords_ = 0; ///< jobs of password_ that wait or run
    lane_threads read_;
    lane_threads write_;
    lane_threads token_;
    lane_threads password_;
    lane_threads caller_;
    lane_threads platform_;
    lane_threads health_;
};

} // namespace ctms::web
