// SPDX-License-Identifier: MPL-2.0
// Reports within a deadline, however slow the database is, whether the database answers, how long the sync queue is, how many ids are used,
// and how far the feed of changes is behind. One probe runs at a time, on a thread of its own; concurrent callers share its result. Thread
// safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/model/erasure.hpp>
#include <ctms/model/id_usage.hpp>
#include <ctms/model/sync_queue.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// The result of a probe.
struct CTMS_API health_report {
    bool database_up = false;                               ///< the database answered
    std::chrono::milliseconds database_time{};              ///< time until the answer
    std::optional<model::backlog_counts> queue;             ///< nullopt if the database is down or counting failed
    std::chrono::milliseconds queue_time{};                 ///< time to count the queue
    std::optional<std::chrono::milliseconds> changes_delay; ///< how long ago the oldest change was made that /changes cannot show yet
    std::optional<std::int64_t> stripe_parked;              ///< objects of Stripe that are parked
    std::optional<model::pending_erasures> erasures;        ///< erasures that the vendor has not confirmed
    std::vector<model::id_usage> ids;                       ///< of the tables of contacts; empty if the database is down or reading failed
};

/// Probes one database.
class CTMS_API health {
public:
    /// `db` should be a separate database object with short timeouts, so that probes neither use nor wait for the pool's connections.
    explicit health(persistence::database& db);
    ~health();
    health(const health&) = delete;
    health& operator=(const health&) = delete;

    /// Returns the result of the last probe if it ended after `asked`. Otherwise starts a probe or waits for the running one, and if it has
    /// not ended by `until`, reports that the database is down.
    [[nodiscard]] health_report check(std::chrono::steady_clock::time_point asked, std::chrono::steady_clock::time_point until);
    /// The same for a caller that asks now.
    [[nodiscard]] health_report check(std::chrono::steady_clock::time_point until) {
        return check(std::chrono::steady_clock::now(), until);
    }

private:
    void work(const std::stop_token& stop);
    [[nodiscard]] health_report probe();

    persistence::database& db_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::uint64_t wanted_ = 0; ///< requested probes
    std::uint64_t done_ = 0;   ///< finished probes
    health_report last_;
    std::chrono::steady_clock::time_point last_ended_; ///< when the probe of last_ ended
    std::jthread worker_;
};

} // namespace ctms::service
