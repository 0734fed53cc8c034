// SPDX-License-Identifier: MPL-2.0
// Sends a resync of many contacts to the email vendor by its job that imports a file (ImportList), on a thread of its own, for as long as
// the object lives. A job replaces the calls for the main table; the rows of the other tables are sent by `sync`. Any number of processes
// may do it at the same time: there is one job at a time, and one of them looks after it. Decision record 44 has the rules. Thread safe.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/mozlog/logger.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// How a job ended, for metrics.
struct CTMS_API bulk_result {
    std::string_view outcome;  ///< "imported", "failed" (its contacts are sent by calls), or "given_up" (it was not started)
    std::int64_t imported = 0; ///< contacts whose row of the main table the vendor has
    std::int64_t refused = 0;  ///< contacts that are sent by calls instead
    double seconds = 0;        ///< since the vendor was asked to start it; 0 if it was not
};

/// Returns all outcomes of jobs.
[[nodiscard]] CTMS_API std::span<const std::string_view> bulk_outcomes() noexcept;

/// When and how to use jobs.
struct CTMS_API bulk_options {
    std::optional<std::int64_t> threshold; ///< a job begins when more contacts wait; nullopt: none does
    std::string list_id;                   ///< the main table
    int most = 100'000;                    ///< contacts of a job: a write to one of them waits until it has ended
    int connections = 10;                  ///< concurrent calls of all processes together
    bool skip_unchanged = false;           ///< as sync_options::skip_unchanged
    std::chrono::seconds lease{300};       ///< after it, another process looks after the job of a killed one
    std::chrono::seconds longest{3600};    ///< a job that takes longer counts as failed; for as long again, it may end after all
    std::chrono::milliseconds poll{
        15'000}; ///< longest time between two questions how a job is doing: a quarter of its age, at least a second
    std::chrono::milliseconds look{1'000};              ///< time between two looks at the queue
    std::chrono::milliseconds first_pause{60'000};      ///< after a failed job; doubles with each in a row, with jitter
    std::chrono::milliseconds longest_pause{3'600'000}; ///< the longest of these pauses
    std::chrono::milliseconds failure_pause{5'000};     ///< after a step that failed, as without the database
    std::chrono::milliseconds removal_pause{600'000};   ///< until a file that could not be removed is tried again; two hours at most
    std::function<bool()> is_down{};                    ///< whether the vendor is down; then no job begins
    std::function<void(bool)> on_look{};                ///< called at each look: whether a job is under way, in any process
    std::function<void(const bulk_result&)> on_end{};   ///< called when a job has ended
};

/// Uses jobs.
class CTMS_API bulk_sync {
public:
    /// Starts. The references must outlive it. It uses a database connection for a moment at each look, and for each part of a file.
    bulk_sync(persistence::database& db, acoustic::client& vendor, acoustic::file_exchange& files, mozlog::logger& log,
              bulk_options options);
    /// Begins to stop: an upload is broken off, and its contacts are let go. A job that the vendor has is not; the next process looks after
    /// it. May be called from any thread, any number of times. The destructor still waits.
    void request_stop() noexcept;
    /// Stops, and waits for the call or the transfer under way.
    ~bulk_sync();
    bulk_sync(const bulk_sync&) = delete;
    bulk_sync& operator=(const bulk_sync&) = delete;

    /// Returns true if jobs take the contacts of imports and resyncs now, so that none of them should be sent by a call.
    [[nodiscard]] bool takes_bulk() const noexcept;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// Returns whether a job has contacts, in any process. They wait until it has ended.
[[nodiscard]] CTMS_API result<bool> is_bulk_job_under_way(persistence::database& db);

} // namespace ctms::service
