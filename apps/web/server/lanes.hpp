// SPDX-License-Identifier: MPL-2.0
// The threads that run handlers, in lanes that cannot starve each other. The number of waiting jobs is bounded.
// Includes Asio, so include it only in the server's sources. Thread safe.
#pragma once

#include "fair_queue.hpp"
#include "route.hpp"

#include <boost/asio/defer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::web {

struct lane_sizes {
    int read = 2;
    int write = 2;
    int token = 2;
    int password = 1; ///< each verification takes 64 MiB and one core
    int caller = 4;
    int platform = 2;
    int health = 1; ///< heartbeats that wait for a probe share its result
};

/// Returns what `function` returns, and calls it again for as long as it throws std::bad_alloc. For the threads of lanes, because
/// coroutines wait for their work without a deadline. `function` must have no effect if it throws.
template <class Function>
auto retry_without_memory(const Function& function) noexcept {
    constexpr std::chrono::milliseconds pause{5};
    for (;;) {
        try {
            return function();
        } catch (const std::bad_alloc&) {
            std::this_thread::sleep_for(pause);
        }
    }
}

/// Items that wait to be taken in batches, and the number of takers that have been sent for them. Thread safe.
template <class Item>
class gathering {
public:
    /// Adds an item, and calls `send_taker` unless there are already `most_takers` takers. If `send_taker` throws, adds nothing.
    template <class Send>
    void push(Item item, std::size_t most_takers, const Send& send_taker) {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(item));
        if (takers_ == most_takers) return;
        try {
            send_taker();
        } catch (...) {
            waiting_.pop_back();
            throw;
        }
        ++takers_;
    }
    /// Takes the share of one of `sharers` takers, at most `most` items. If nothing is left, the caller stops being a taker.
    [[nodiscard]] std::vector<Item> take(std::size_t most, std::size_t sharers) {
        const std::lock_guard lock(mutex_);
        const auto share = (waiting_.size() + sharers - 1) / sharers;
        const auto count = static_cast<std::ptrdiff_t>(std::min(most, share));
        std::vector<Item> out(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.begin() + count));
        waiting_.erase(waiting_.begin(), waiting_.begin() + count);
        if (out.empty()) --takers_;
        return out;
    }

private:
    std::mutex mutex_;
    std::deque<Item> waiting_;
    std::size_t takers_ = 0;
};

class lanes {
public:
    /// `most_waiting`: how many jobs may wait in one lane, not counting running ones.
    lanes(const lane_sizes& sizes, std::size_t most_waiting);
    ~lanes();
    lanes(const lanes&) = delete;
    lanes& operator=(const lanes&) = delete;

    /// Runs `job` on a thread of the lane, which must not be `immediate`. Returns false, without running it, if too many jobs are
    /// waiting. Like the other functions, submits nothing if it throws std::bad_alloc.
    template <class Job>
    bool submit(lane where, Job job) {
        auto& chosen = queue_of(where);
        return chosen.count_in(most_waiting_, [&] {
            boost::asio::post(chosen.threads, [&chosen, job = std::move(job)]() mutable {
                chosen.waiting.fetch_sub(1);
                job();
            });
        });
    }

    /// Runs `job` on a thread of the lane `password`, serving owners in turn. See fair_queue for the other results. `job` learns whether
    /// all threads were busy when it came, so that it had to wait. Without `may_wait`, such a job is refused as `full`.
    /// These threads have normal priority: a low-priority thread that is preempted while it holds a lock can block all others, and
    /// lower priority did not make reads faster in a flood of requests.
    [[nodiscard]] queued submit_in_turn(const std::string& owner, std::function<void(bool waited)> job, bool may_wait);

    /// Makes the calling thread of the lane `password` sleep as long as a job took, at most half a second: refused secrets then take
    /// half a core, no matter how many arrive.
    static void rest_after(std::chrono::steady_clock::duration took);

    /// Adds `item` to `together` and calls `run(items)` with the waiting items as soon as a thread is free, at most 16 at a time. An
    /// item never waits for others: a single one runs alone. The threads of the lane `read` share the waiting items, so that all of
    /// them work; in the other lanes one thread takes all, because a commit costs more than a second thread gains. Keeps a reference
    /// to `together` until the threads are done, because a thread may look into it once more after the last item.
    template <class Item, class Run>
    bool submit(lane where, const std::shared_ptr<gathering<Item>>& together, Item item, Run run) {
        auto& chosen = queue_of(where);
        return chosen.count_in(most_waiting_, [&] {
            together->push(std::move(item), chosen.size,
                           [&] { boost::asio::post(chosen.threads, [&chosen, together, run] { serve(chosen, together, run); }); });
        });
    }

private:
    struct queue {
        queue(int threads_wanted, int among)
            : size(static_cast<std::size_t>(threads_wanted)), sharers(static_cast<std::size_t>(among)), threads(size) {}

        /// Calls `send` and counts one more waiting job. Returns false, without calling it, if `most` are waiting.
        template <class Send>
        bool count_in(std::size_t most, const Send& send) {
            if (waiting.fetch_add(1) >= most) {
                waiting.fetch_sub(1);
                return false;
            }
            try {
                send();
            } catch (...) {
                waiting.fetch_sub(1);
                throw;
            }
            return true;
        }

        const std::size_t size;
        const std::size_t sharers; ///< how many threads share the items that wait together
        std::atomic<std::size_t> waiting = 0;
        boost::asio::thread_pool threads;
    };
    queue& queue_of(lane where);

    /// Takes and runs one batch, then queues up again after the lane's other jobs, or continues immediately if memory runs out.
    template <class Item, class Run>
    static void serve(queue& chosen, const std::shared_ptr<gathering<Item>>& together, const Run& run) noexcept {
        constexpr std::size_t most_together = 16;
        for (;;) {
            auto items = retry_without_memory([&] { return together->take(most_together, chosen.sharers); });
            if (items.empty()) return;
            chosen.waiting.fetch_sub(items.size());
            run(std::move(items));
            try {
                return boost::asio::defer(chosen.threads, [&chosen, together, run] { serve(chosen, together, run); });
            } catch (const std::bad_alloc&) { // continues in the loop instead
            }
        }
    }

    std::size_t most_waiting_;
    fair_queue<std::function<void()>> in_turn_; ///< the jobs of password_
    std::atomic<std::size_t> of_passwords_ = 0; ///< jobs of in_turn_ that wait or run
    queue read_;
    queue write_;
    queue token_;
    queue password_;
    queue caller_;
    queue platform_;
    queue health_;
};

} // namespace ctms::web
