// SPDX-License-Identifier: MPL-2.0
// Keeps the claims and slots of a worker from running out while a cycle takes long, and tells when they may have: then
// nothing more may be sent, for another worker may have the rows. Private to this layer.
#pragma once

#include <ctms/persistence/sync_queue_repository.hpp>
#include <ctms/persistence/vendor_slots.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace ctms::service {

class sync_lease {
public:
    using clock = std::chrono::steady_clock;

    /// `claimed_at`: when the claim was asked for.
    sync_lease(persistence::sync_queue_repository& queue, persistence::vendor_slots& slots, const uuid& worker, int slots_held,
               std::chrono::seconds length, clock::time_point claimed_at)
        : queue_(queue),
          slots_(slots),
          worker_(worker),
          slots_held_(slots_held),
          length_(length),
          ends_(claimed_at + length),
          keeper_([this](const std::stop_token& stop) { keep(stop); }) {}

    /// True while a call that is begun now ends within the lease: a third of it is kept for that.
    [[nodiscard]] bool holds() const { return clock::now() < ends_.load() - length_ / 3; }

private:
    void keep(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stopping_.wait_for(lock, stop, std::chrono::milliseconds(length_) / 3, [] { return false; })) {
            if (stop.stop_requested()) return;
            const auto begun = clock::now();
            const bool renewed = queue_.renew(worker_, length_) && slots_.take(worker_, slots_held_, length_);
            // Renewed in time only if the answer came before the end: else another worker may have taken what we held, for
            // good, and a process that was stopped for a while must not go on as if nothing had been.
            if (clock::now() >= ends_.load()) return;
            if (renewed) ends_ = begun + length_;
        }
    }

    persistence::sync_queue_repository& queue_;
    persistence::vendor_slots& slots_;
    const uuid worker_;
    const int slots_held_;
    const std::chrono::seconds length_;
    std::atomic<clock::time_point> ends_;
    std::mutex mutex_;
    std::condition_variable_any stopping_;
    std::jthread keeper_; ///< last: it uses the others
};

} // namespace ctms::service
