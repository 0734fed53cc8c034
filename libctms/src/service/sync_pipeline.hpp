// SPDX-License-Identifier: MPL-2.0
// Sends contacts without pauses: claims ahead, keeps as many calls under way as are allowed while work is due, gathers rows of contacts
// whose main row was sent, and stores each outcome as soon as it is known. One object for each run. Private to this layer.
#pragma once

#include "sync_lease.hpp"
#include "sync_recorder.hpp"
#include "sync_rows.hpp"
#include "sync_source.hpp"
#include "sync_vendor.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace ctms::service {

/// How much a run does.
struct pipeline_bounds {
    int connections = 10;             ///< concurrent calls, if there are as many slots
    int batch_limit = 20;             ///< contacts of a cycle
    std::optional<int> most_contacts; ///< contacts to claim, at once; nullopt: all that are due
    bool is_probe = false;            ///< the vendor is down, and one call is made nevertheless
    std::chrono::milliseconds gather; ///< time that rows wait for more while a connection is idle and contacts are under way
    std::function<int()> below;       ///< contacts with this priority and less urgent ones are not claimed
};

class sync_pipeline {
public:
    using clock = std::chrono::steady_clock;

    /// The parts that a run uses; all must outlive it.
    struct parts {
        sync_source& source;
        sync_vendor& vendor;
        sync_recorder& recorder;
        persistence::vendor_slots& slots;
        sync_lease& lease;
        uuid worker;
        std::chrono::seconds lease_length;
    };
    /// `count` returns a report with the size of the queue, `ended` gets each cycle but the last. Both are called on the thread of run().
    sync_pipeline(const parts& with, const pipeline_bounds& bounds, const cycle_report& first, std::function<result<cycle_report>()> count,
                  std::function<void(const cycle_report&)> ended);

    /// Sends until nothing more is due, or nothing may be sent any more (a stop request, a lost lease, the vendor or the database is down).
    /// Returns the last cycle. Throws what a call threw, when the calls under way have ended.
    [[nodiscard]] result<cycle_report> run(const std::stop_token& stop);

private:
    using lock = std::unique_lock<std::mutex>;

    // Each of these holds the mutex when it is called and when it returns, but not while it waits for the vendor or the database.
    void coordinate(lock& held);
    void work(lock& held);
    bool work_once(lock& held);
    void record(lock& held);
    void send_main(lock& held);
    void send_rows(lock& held, const row_call& call);
    void claim(lock& held);
    void look_around(lock& held);
    void adjust_slots(lock& held);
    void deliver(lock& held);
    template <class Function>
    auto unlocked(lock& held, Function work);

    // These hold it all the time.
    void wake_all();
    void enqueue(std::unique_ptr<sync_item> item);
    void main_is_done(sync_item& item);
    void settle(const row_call& call, const acoustic::outcome& outcome);
    void adapt(bool was_short, std::size_t left);
    void add_to_cycle(const cycle_report& counts);
    void start_threads();
    void end_with(error why);
    [[nodiscard]] std::optional<row_call> take_rows();
    [[nodiscard]] bool may_send() const;
    [[nodiscard]] bool wants_contacts() const;
    [[nodiscard]] bool is_done() const;

    void finish_failures();

    const parts with_;
    const pipeline_bounds bounds_;
    const std::function<result<cycle_report>()> count_;
    const std::function<void(const cycle_report&)> ended_;
    std::stop_token stop_;

    mutable std::mutex mutex_;        ///< guards everything below
    std::condition_variable work_;    ///< wakes threads that make calls: there is something to do that no running thread will do
    std::condition_variable changed_; ///< wakes the thread of run(): it may have to claim, report or end
    std::map<uuid, std::unique_ptr<sync_item>> in_flight_; ///< claimed, and the outcome is not stored
    std::deque<sync_item*> waiting_;                       ///< for their main call, by priority
    sync_rows rows_;
    std::deque<sync_item*> done_; ///< the outcome is known but not stored
    std::deque<cycle_report> cycles_;
    cycle_report cycle_;
    clock::time_point cycle_began_ = clock::now();
    int allowed_; ///< calls that may be under way
    int calls_ = 0;
    int main_calls_ = 0; ///< of these, calls for the main table
    int claimed_ = 0;
    int ahead_; ///< contacts that should wait for their main call
    bool is_claiming_ = false;
    bool is_recording_ = false;
    bool is_exhausted_ = false; ///< the last claim found fewer contacts than it wanted
    bool is_ending_ = false;    ///< nothing more is claimed or sent
    bool is_closing_ = false;   ///< the threads end
    clock::time_point next_claim_{};
    clock::time_point next_urgent_{};
    clock::time_point next_look_{};
    std::optional<error> failure_;
    std::exception_ptr thrown_;
    std::vector<std::jthread> threads_; ///< last, because they use the other members
};

} // namespace ctms::service
