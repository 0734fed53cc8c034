// SPDX-License-Identifier: MPL-2.0
#include "sync_pipeline.hpp"

#include <persistence/sync/queue_priority.hpp>

#include <algorithm>
#include <array>
#include <new>
#include <system_error>
#include <utility>

namespace ctms::service {
namespace {

using namespace std::chrono_literals;

constexpr int most_ahead = 500;                             // bounds the time of the statements that read contacts
constexpr std::size_t most_in_flight = 1000;                // bounds the memory
constexpr std::chrono::milliseconds longest_gathering = 1s; // of rows, while no connection is idle
constexpr std::chrono::milliseconds claim_interval = 100ms; // while the queue has nothing more, or only more urgent contacts matter
constexpr std::chrono::milliseconds look_interval = 1s;     // at the slots and the size of the queue
constexpr std::chrono::milliseconds poll_interval = 20ms;

bool needs_main_call(const sync_item& item) { return item.queued.is_deletion || (item.contact && !item.main_unchanged); }

} // namespace

sync_pipeline::sync_pipeline(const parts& with, const pipeline_bounds& bounds, const cycle_report& first,
                             std::function<result<cycle_report>()> count, std::function<void(const cycle_report&)> ended)
    : with_(with),
      bounds_(bounds),
      count_(std::move(count)),
      ended_(std::move(ended)),
      rows_(acoustic::most_rows),
      cycle_(first),
      allowed_(with.lease.slots_held()),
      ahead_(bounds.most_contacts.value_or(bounds.connections)),
      next_look_(clock::now() + look_interval) {}

template <class Function>
auto sync_pipeline::unlocked(lock& held, Function work) {
    struct again {
        explicit again(lock& one) : one_(one) { one_.unlock(); }
        ~again() { one_.lock(); }
        again(const again&) = delete;
        again& operator=(const again&) = delete;
        lock& one_;
    } const relock(held);
    return work();
}

result<cycle_report> sync_pipeline::run(const std::stop_token& stop) {
    stop_ = stop;
    const std::stop_callback wake(stop, [this] {
        const std::lock_guard held(mutex_);
        wake_all();
    });
    lock held(mutex_);
    try {
        start_threads();
        coordinate(held);
    } catch (...) {
        if (!held.owns_lock()) held.lock();
        if (!thrown_) thrown_ = std::current_exception();
    }
    is_ending_ = is_closing_ = true;
    wake_all();
    unlocked(held, [this] { threads_.clear(); });
    if (!failure_ && !thrown_) finish_failures();
    if (!thrown_) deliver(held);
    if (thrown_) std::rethrow_exception(thrown_);
    if (failure_) return *failure_;
    cycle_.full = bounds_.most_contacts ? claimed_ == *bounds_.most_contacts && !bounds_.is_probe : !is_exhausted_;
    cycle_.took = clock::now() - cycle_began_;
    return cycle_;
}

// The caller's thread claims and reports. Usually other threads make the calls and store the outcomes.
void sync_pipeline::coordinate(lock& held) {
    for (;;) {
        if (!may_send()) is_ending_ = true;
        deliver(held);
        if (is_done()) return;
        if (!is_ending_ && clock::now() >= next_look_) {
            look_around(held);
            next_look_ = clock::now() + look_interval; // after the look: one that takes long must not keep the run from claiming contacts
        } else if (wants_contacts()) {
            claim(held);
        } else if (!threads_.empty() || !work_once(held)) {
            changed_.wait_for(held, poll_interval);
        }
    }
}

void sync_pipeline::start_threads() {
    const auto wanted = static_cast<std::size_t>(allowed_) + 1; // one stores outcomes
    try {
        while (threads_.size() < wanted) {
            threads_.emplace_back([this] {
                lock held(mutex_);
                try {
                    work(held);
                } catch (...) {
                    if (!thrown_) thrown_ = std::current_exception();
                    is_ending_ = is_closing_ = true;
                    wake_all();
                }
            });
        }
    } catch (const std::system_error&) { // no more threads
    } catch (const std::bad_alloc&) {
    }
}

void sync_pipeline::work(lock& held) {
    while (!is_closing_) {
        if (!work_once(held)) work_.wait_for(held, poll_interval);
    }
}

void sync_pipeline::wake_all() {
    work_.notify_all();
    changed_.notify_all();
}

// A thread that has made a call looks for more work itself, so that others are woken only for work that it leaves to them.
bool sync_pipeline::work_once(lock& held) {
    if (!done_.empty() && !is_recording_ && !failure_) return record(held), true;
    if (is_ending_ || calls_ >= allowed_ || !may_send()) return false;
    if (const auto call = take_rows()) return send_rows(held, *call), true;
    if (waiting_.empty()) return false;
    return send_main(held), true;
}

bool sync_pipeline::may_send() const {
    return !stop_.stop_requested() && !failure_ && !thrown_ && with_.lease.holds() && (bounds_.is_probe || !with_.vendor.is_down());
}

bool sync_pipeline::is_done() const {
    if (thrown_) return true;
    if (is_ending_) return calls_ == 0 && !is_recording_ && (done_.empty() || failure_);
    return in_flight_.empty() && is_exhausted_;
}

// Rows wait for more rows as long as there are other calls to make, or other contacts whose rows come soon.
std::optional<row_call> sync_pipeline::take_rows() {
    if (auto full = rows_.take_full()) return full;
    const auto since = rows_.oldest();
    if (!since) return std::nullopt;
    const auto waited = clock::now() - *since;
    const bool is_idle = waiting_.empty();
    const bool more_come_soon = main_calls_ > 0 || is_claiming_;
    const auto longest = !is_idle ? longest_gathering : more_come_soon ? bounds_.gather : std::chrono::milliseconds(0);
    return waited >= longest ? rows_.take_any() : std::nullopt;
}

void sync_pipeline::send_main(lock& held) {
    auto& item = *waiting_.front();
    waiting_.pop_front();
    ++calls_;
    ++main_calls_;
    if (wants_contacts()) changed_.notify_one();
    unlocked(held, [&] { with_.vendor.send_main(item); });
    --calls_;
    --main_calls_;
    main_is_done(item);
    if (is_ending_ || !may_send()) changed_.notify_one();
}

void sync_pipeline::main_is_done(sync_item& item) {
    if (item.main.failed || !item.has_rows_to_send()) {
        done_.push_back(&item);
    } else {
        rows_.add(item);
    }
}

void sync_pipeline::send_rows(lock& held, const row_call& call) {
    ++calls_;
    unlocked(held, [&] {
        with_.vendor.send_rows(
            call,
            [this] { // contacts that are not sent because of this must end the run, even if calls may be made again soon
                const std::lock_guard again(mutex_);
                if (!may_send()) is_ending_ = true;
                return !is_ending_;
            },
            [this](const row_call& part, const acoustic::outcome& outcome) {
                const std::lock_guard again(mutex_);
                settle(part, outcome);
            });
    });
    --calls_;
    if (is_ending_ || calls_ >= allowed_ || !may_send()) changed_.notify_one();
}

void sync_pipeline::settle(const row_call& call, const acoustic::outcome& outcome) {
    for (const auto& group : call.groups) {
        auto& item = *group.item;
        auto& progress = call.target == acoustic::table::newsletter ? item.newsletters : item.products;
        progress.note(outcome);
        if (!outcome.succeeded()) item.failed_at = ctms::now();
        if (outcome.failed) progress.fail(*outcome.failed);
        for (const auto& refused : outcome.refused) {
            if (refused.email_id.empty() || refused.email_id == item.queued.email_id.to_string()) progress.fail(refused.why);
        }
        if (--item.calls_left == 0) done_.push_back(&item);
    }
}

void sync_pipeline::record(lock& held) {
    const auto room = static_cast<std::size_t>(std::max(1, bounds_.batch_limit - cycle_.total));
    const auto end = done_.begin() + static_cast<std::ptrdiff_t>(std::min(done_.size(), room));
    const std::vector<sync_item*> items(done_.begin(), end);
    done_.erase(done_.begin(), end);
    is_recording_ = true;
    if (calls_ < allowed_) work_.notify_one(); // this thread makes no call meanwhile
    cycle_report counts;
    const auto stored = unlocked(held, [&] { return with_.recorder.record(items, counts); });
    is_recording_ = false;
    for (const auto* item : items) {
        if (item->finished) in_flight_.erase(item->queued.email_id);
    }
    add_to_cycle(counts);
    if (!stored) end_with(stored.error());
    changed_.notify_all();
}

void sync_pipeline::add_to_cycle(const cycle_report& counts) {
    cycle_.total += counts.total;
    cycle_.synced += counts.synced;
    cycle_.retried += counts.retried;
    cycle_.failed += counts.failed;
    cycle_.skipped += counts.skipped;
    if (counts.age_s) cycle_.age_s = counts.age_s;
    if (bounds_.most_contacts || cycle_.total < bounds_.batch_limit) return;
    auto next = cycle_report{};
    next.sync_backlog = std::max<std::int64_t>(0, cycle_.sync_backlog - cycle_.total + cycle_.retried);
    next.retry_backlog = cycle_.retry_backlog;
    next.parked = cycle_.parked + cycle_.failed;
    const auto now = clock::now();
    cycle_.full = true;
    cycle_.took = now - std::exchange(cycle_began_, now);
    cycles_.push_back(std::exchange(cycle_, next));
}

void sync_pipeline::deliver(lock& held) {
    while (!cycles_.empty()) {
        const auto one = cycles_.front();
        cycles_.pop_front();
        if (ended_) unlocked(held, [&] { ended_(one); });
    }
}

bool sync_pipeline::wants_contacts() const {
    if (is_ending_ || (bounds_.most_contacts && claimed_ > 0) || in_flight_.size() >= most_in_flight) return false;
    if (waiting_.size() < static_cast<std::size_t>(ahead_)) return clock::now() >= next_claim_;
    return clock::now() >= next_urgent_ && waiting_.back()->queued.priority > static_cast<int>(persistence::queue_priority::write);
}

// When enough contacts wait, only those that are more urgent than they are claimed.
void sync_pipeline::claim(lock& held) {
    const bool is_hungry = waiting_.size() < static_cast<std::size_t>(ahead_);
    const int limit = is_hungry ? ahead_ : bounds_.connections;
    const int below = is_hungry ? bounds_.below() : waiting_.back()->queued.priority;
    is_claiming_ = true;
    auto claimed = unlocked(
        held, [&] { return bounds_.is_probe ? with_.source.claim_probe(with_.vendor.failing_since()) : with_.source.claim(limit, below); });
    is_claiming_ = false;
    if (!claimed) return end_with(claimed.error());
    const bool is_short = claimed->size() < static_cast<std::size_t>(limit);
    if (is_short) (is_hungry ? next_claim_ : next_urgent_) = clock::now() + claim_interval;
    if (is_hungry) adapt(is_short, waiting_.size());
    claimed_ += static_cast<int>(claimed->size());
    // A contact that was written meanwhile is due again as soon as its outcome is stored, before record() has dropped it here. If its call
    // is still under way, storing its outcome ends the new claim as well.
    const auto is_known = [&](const auto& item) { return in_flight_.contains(item->queued.email_id); };
    while (is_recording_ && !thrown_ && std::any_of(claimed->begin(), claimed->end(), is_known)) changed_.wait_for(held, poll_interval);
    for (auto& item : *claimed) {
        if (!is_known(item)) enqueue(std::move(item));
    }
    if (bounds_.most_contacts) is_exhausted_ = true;
    work_.notify_all();
    if (allowed_ < bounds_.connections && waiting_.size() > static_cast<std::size_t>(allowed_ - calls_) && !is_ending_) adjust_slots(held);
}

/// More contacts are claimed at once when the connections had to wait for them, and fewer when many were left.
void sync_pipeline::adapt(bool was_short, std::size_t left) {
    is_exhausted_ = was_short;
    if (bounds_.most_contacts) return;
    if (left == 0 && !was_short) ahead_ = std::min(ahead_ * 2, most_ahead);
    if (left >= static_cast<std::size_t>(ahead_) / 2) ahead_ = std::max(ahead_ / 2, bounds_.connections);
}

void sync_pipeline::enqueue(std::unique_ptr<sync_item> item) {
    auto& one = *item;
    in_flight_.emplace(one.queued.email_id, std::move(item));
    if (needs_main_call(one)) {
        const auto is_later = [&](const sync_item* other) { return other->queued.priority > one.queued.priority; };
        waiting_.insert(std::find_if(waiting_.begin(), waiting_.end(), is_later), &one);
    } else {
        one.began = ctms::now();
        main_is_done(one);
    }
}

void sync_pipeline::look_around(lock& held) {
    if (bounds_.most_contacts) return;
    const auto counted = unlocked(held, [&] { return count_(); });
    if (!counted) return end_with(counted.error());
    cycle_.sync_backlog = counted->sync_backlog;
    cycle_.retry_backlog = counted->retry_backlog;
    cycle_.parked = counted->parked;
    adjust_slots(held);
}

/// Takes slots that are free if more calls could be made, and gives half of the slots back if another worker waits for one.
void sync_pipeline::adjust_slots(lock& held) {
    const int slots = with_.lease.slots_held();
    const int wanted = std::min(bounds_.connections, calls_ + static_cast<int>(waiting_.size()));
    const auto awaited = unlocked(held, [&] { return with_.slots.is_awaited(with_.worker); });
    if (!awaited) return end_with(awaited.error());
    if (*awaited && slots > 0) { // also with one slot: a renewal at the same time may have taken back what was given
        allowed_ = std::max(1, slots / 2);
        while (calls_ > allowed_ && !thrown_) changed_.wait_for(held, poll_interval);
        with_.lease.set_slots_held(allowed_);
        const auto given = unlocked(held, [&, keep = allowed_] { return with_.slots.give_back(with_.worker, keep); });
        if (!given) end_with(given.error());
    } else if (slots < wanted) {
        const auto taken = unlocked(held, [&] { return with_.slots.take(with_.worker, wanted, with_.lease_length); });
        if (!taken) return end_with(taken.error());
        allowed_ = std::max(*taken, slots); // a renewal at the same time may have locked our own
        with_.lease.set_slots_held(allowed_);
        start_threads();
        work_.notify_all();
    }
}

void sync_pipeline::end_with(error why) {
    if (!failure_) failure_ = std::move(why);
    is_ending_ = true;
}

/// Stores what failed before the run ended; contacts that were not sent completely are given back without a failure.
void sync_pipeline::finish_failures() {
    std::vector<sync_item*> failed;
    for (const auto& [id, item] : in_flight_) {
        if (item->failure()) failed.push_back(item.get());
    }
    if (failed.empty()) return;
    cycle_report counts;
    if (const auto stored = with_.recorder.record(failed, counts); !stored) failure_ = stored.error();
    add_to_cycle(counts);
}

} // namespace ctms::service
