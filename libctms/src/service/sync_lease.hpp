// SPDX-License-Identifier: MPL-2.0
// Renews the claims and slots of a worker while it sends, and tells when they may have expired. Then nothing more may be
// sent, because another worker may have claimed the rows. Private to this layer.
#pragma once

#include "lease_clock.hpp"

#include <persistence/sync/sync_queue_repository.hpp>
#include <persistence/sync/vendor_slots.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace ctms::service {

class sync_lease {
public:
    using clock = lease_clock;

    /// `claimed_at`: when the claim was requested.
    sync_lease(persistence::sync_queue_repository& queue, persistence::vendor_slots& slots, const uuid& worker, int slots_held,
               std::chrono::seconds length, clock::time_point claimed_at)
        : queue_(queue), slots_(slots), worker_(worker), slots_held_(slots_held), length_(length), ends_(claimed_at + length) {
        try {
            keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
        } catch (const std::exception&) { // no more threads or memory: the lease is not renewed
        }
    }

    /// True if a call that begins now will end within the lease; a third of the lease is reserved for that.
    [[nodiscard]] bool holds() const { return clock::now() < ends_.load() - length_ / 3; }

    /// How many slots are renewed.
    [[nodiscard]] int slots_held() const { return slots_held_; }
    void set_slots_held(int number) { slots_held_ = number; }

private:
    void keep(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stopping_.wait_for(lock, stop, std::chrono::milliseconds(length_) / 3, [] { return false; })) {
            if (stop.stop_requested()) return;
            const auto begun = clock::now();
            const bool renewed = renew();
            // The renewal counts only if the answer came before the lease ended. Otherwise, for example if this process was
            // suspended, another worker may have taken over the rows, and this worker must stop sending.
            if (clock::now() >= ends_.load()) return;
            if (renewed) ends_ = begun + length_;
        }
    }

    [[nodiscard]] bool renew() noexcept {
        try {
            return queue_.renew(worker_, length_) && slots_.take(worker_, slots_held_, length_);
        } catch (const std::exception&) { // out of memory: the next renewal may succeed
            return false;
        }
    }

    persistence::sync_queue_repository& queue_;
    persistence::vendor_slots& slots_;
    const uuid worker_;
    std::atomic<int> slots_held_;
    const std::chrono::seconds length_;
    std::atomic<clock::time_point> ends_;
    std::mutex mutex_;
    std::condition_variable_any stopping_;
    std::jthread keeper_; ///< last, because it uses the others
};

} // namespace ctms::service
