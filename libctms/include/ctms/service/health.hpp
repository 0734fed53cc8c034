// SPDX-License-Identifier: MPL-2.0
// Whether the database answers and how long the sync's queue is, told within a deadline however slow the database is.
// One probe runs at a time on a thread of its own; callers that come meanwhile share its outcome. Thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>
#include <ctms/persistence/sync_queue.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

namespace ctms::service {

/// What a probe found.
struct CTMS_API health_report {
    bool database_up = false;                         ///< it answered
    std::chrono::milliseconds database_time{};        ///< that the answer took
    std::optional<persistence::backlog_counts> queue; ///< nullopt: the database is down, or counting failed
    std::chrono::milliseconds queue_time{};           ///< that counting took
};

/// Probes one database.
class CTMS_API health {
public:
    /// `db` should be one of its own, with short timeouts, so that probes neither wait for nor take the pool's connections.
    explicit health(persistence::database& db);
    ~health();
    health(const health&) = delete;
    health& operator=(const health&) = delete;

    /// Probes, or waits for the probe under way. A probe that has not ended by `until` counts as a database that is down.
    [[nodiscard]] health_report check(std::chrono::steady_clock::time_point until);

private:
    void work(const std::stop_token& stop);
    [[nodiscard]] health_report probe();

    persistence::database& db_;
    persistence::sync_queue_repository queue_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t wanted_ = 0; ///< probes asked for
    std::uint64_t done_ = 0;   ///< probes that ended
    health_report last_;
    std::jthread worker_;
};

} // namespace ctms::service
