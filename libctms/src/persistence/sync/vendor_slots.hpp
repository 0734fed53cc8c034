// SPDX-License-Identifier: MPL-2.0
// The slots for concurrent calls to the email vendor, shared by all processes (table ctms_vendor_slots). For the sync's workers; other code
// does not need it. Thread safe; each call is one transaction.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>

namespace ctms::persistence {

/// Limits the concurrent calls to the vendor over all processes (table ctms_vendor_slots). Each process holds some slots for the time of a
/// lease. Thread safe.
class vendor_slots {
public:
    /// `cap` is the total number of slots.
    vendor_slots(database& db, int cap) : db_(db), cap_(cap) {}

    /// Takes free slots for `worker` until it has `wanted` (at most the cap), renews those that it has, and returns their number. Surplus
    /// slots are not counted and end with their lease.
    [[nodiscard]] result<int> take(const uuid& worker, int wanted, std::chrono::seconds lease);
    /// Shortens leases that end more than `longest_ahead` (sync_queue_repository.hpp) in the future, because the database's clock was set
    /// back.
    [[nodiscard]] result<void> bring_times_back();
    /// Says for two seconds that `worker` waits for a slot.
    [[nodiscard]] result<void> wait_for(const uuid& worker);
    /// Returns whether a worker other than this one waits for a slot.
    [[nodiscard]] result<bool> is_awaited(const uuid& worker);
    /// Frees the slots of `worker` except `keep` of them.
    [[nodiscard]] result<void> give_back(const uuid& worker, int keep = 0);

private:
    database& db_;
    int cap_;
};

} // namespace ctms::persistence
