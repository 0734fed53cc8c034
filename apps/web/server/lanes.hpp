// SPDX-License-Identifier: MPL-2.0
// The threads that run handlers, in lanes that cannot starve each other, with a bound on what waits.
// Includes Asio: only for the sources of the server. Thread safe.
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
    int password = 1; ///< each verification takes 64 MiB and a core
    int caller = 4;
    int platform = 2;
};

/// What `function` returns. When there is no memory for it, it is called again until there is some: for the threads of lanes, whose
/// work others wait for without a deadline. `function` must do nothing when it throws.
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

/// Items that wait to be taken together, and how many takers are on their way to them. Thread safe.
template <class Item>
class gathering {
public:
    /// Adds an item and calls `send_taker`, unless `most_takers` are on their way already. When that throws, nothing is added.
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
    /// What one of `sharers` takes: its part, and no more than `most`. With nothing left it stops being a taker.
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
    /// `most_waiting`: jobs that may wait in one lane, those that run left out.
    lanes(const lane_sizes& sizes, std::size_t most_waiting);
    ~lanes();
    lanes(const lanes&) = delete;
    lanes& operator=(const lanes&) = delete;

    /// Runs `job` on a thread of the lane, which must not be `immediate`. False, without running it, when too many wait.
    /// Throws std::bad_alloc, and then nothing is submitted; the other functions too.
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

    /// Runs `job` on a thread of the lane `password`, in turn between owners: fair_queue tells what else it may answer.
    /// These threads have the usual priority: one of low priority can make all others wait when it is interrupted while it holds a
    /// lock, and did not make reads faster in a flood.
    [[nodiscard]] queued submit_in_turn(const std::string& owner, std::function<void()> job);

    /// Has the calling thread of the lane `password` rest as long as a job took, half a second at most: secrets that are refused
    /// then take half of a core, however many come.
    static void rest_after(std::chrono::steady_clock::duration took);

    /// Adds `item` to those that wait in `together` and has `run(items)` called with what waits when a thread is free, 16 at
    /// most. Nobody waits for company: one alone is run alone. Threads that read share what waits among them, so that all work at
    /// it; one that writes takes it all, for a commit costs more than a second thread gains. A thread may look into `together` once
    /// more when all are answered: it keeps it as long.
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

        /// Counts what `send` sends. False, without calling it, when `most` wait.
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
        const std::size_t sharers; ///< among how many threads calls that wait together are shared
        std::atomic<std::size_t> waiting = 0;
        boost::asio::thread_pool threads;
    };
    queue& queue_of(lane where);

    /// One turn of a taker, which then queues up again after the lane's other jobs; without memory for that it goes on at once.
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
            } catch (const std::bad_alloc&) { // the loop is the other way to go on
            }
        }
    }

    std::size_t most_waiting_;
    fair_queue<std::function<void()>> in_turn_; ///< for password_
    queue read_;
    queue write_;
    queue token_;
    queue password_;
    queue caller_;
    queue platform_;
};

} // namespace ctms::web
