// SPDX-License-Identifier: MPL-2.0
// The queue of contacts that wait to be sent to the email vendor (table ctms_sync_queue). Thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>

namespace ctms::persistence {

struct backlog_counts {
    std::int64_t backlog = 0;       ///< contacts that wait, those that were given up (parked) left out
    std::int64_t retry_backlog = 0; ///< contacts that failed at least once, parked ones included
    std::int64_t parked = 0;        ///< contacts that were given up
    std::chrono::seconds age{};     ///< since the first request of the contact that waits longest, parked ones left out
};

class sync_queue_repository {
public:
    explicit sync_queue_repository(database& db) : db_(db) {}

    /// Counts the queue. One round trip; its time grows with the queue.
    [[nodiscard]] result<backlog_counts> count();

private:
    database& db_;
};

} // namespace ctms::persistence
