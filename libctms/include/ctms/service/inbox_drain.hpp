// SPDX-License-Identifier: MPL-2.0
// Moves what other programs wrote from the inbox (table ctms_inbox) to the feed of changes and to the sync queue, on a thread of its own,
// for as long as the object lives. ctms-sync does the same at the beginning of each cycle. Also forgets what is kept for a limited time
// only. Any number of processes may do it at the same time. Thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/service/keyed_writes.hpp>

#include <chrono>
#include <stop_token>
#include <thread>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// How long rows are kept that are forgotten later.
struct CTMS_API kept_times {
    std::chrono::seconds deletions; ///< deleted contacts in the feed of changes
    std::chrono::seconds parked;    ///< objects of Stripe that could not be stored
    kept_limits answers{};          ///< answers to writes with a key
    std::chrono::seconds history{}; ///< who changed contacts; 0: not at all
};

/// Drains the inbox, and forgets old rows.
class CTMS_API inbox_drain {
public:
    /// Drains it completely every `pause`, for the first time after one. Every half minute, it forgets answers that are older than `keep`
    /// says, and once an hour the other rows; it then also stores lines of invoices that waited for a price which another program stored,
    /// a few after each pause. Of a long list of answers it forgets a part after each
    /// pause. Forgets nothing while the clocks of the database and of this machine differ by an hour or more. Tries again after the next
    /// pause if the database fails. The delay that `health` reports grows while it fails. `db` must outlive the object.
    explicit inbox_drain(persistence::database& db, kept_times keep, std::chrono::milliseconds pause = std::chrono::milliseconds{500});

private:
    void work(const std::stop_token& stop);

    persistence::database& db_;
    kept_times keep_;
    std::chrono::milliseconds pause_;
    std::jthread worker_; ///< last: it uses the other members
};

} // namespace ctms::service
