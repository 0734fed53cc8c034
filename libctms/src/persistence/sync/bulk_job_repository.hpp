// SPDX-License-Identifier: MPL-2.0
// The bulk job that sends contacts of a resync to the vendor (table ctms_bulk_job), and its contacts in the queue. There is one job at a
// time over all processes, and one process looks after it. The job's contacts are claimed by the job's id, so no worker sends them until
// they are let go. Thread safe; each call is one statement.
#pragma once

#include "sync_queue_repository.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {

/// What is known without holding the job.
struct bulk_look {
    bool is_under_way = false; ///< there is a job
    bool may_begin = false;    ///< the pause after a failed job is over
    bool is_enough = false;    ///< more contacts wait for a job than the threshold
    bool has_files = false;    ///< files of jobs that have ended are to be removed now
};

/// A job that is under way.
struct bulk_job {
    uuid id;                                   ///< ours
    std::string vendor_id;                     ///< the vendor's; "" if it is not known
    std::optional<std::chrono::seconds> asked; ///< time since the vendor was asked to start it; nullopt if it was not
    std::int64_t contacts = 0;                 ///< rows of its file, when the vendor was asked
};

/// The state of the process that looks after jobs.
struct bulk_hold {
    bool may_begin = false;
    int failures = 0; ///< failed jobs in a row
    std::optional<bulk_job> job;
};

/// A contact of a job, as its file has it.
struct bulk_row {
    uuid email_id;
    std::int64_t version = 0;
    std::string hash; ///< of the row of the main table
};

/// What becomes of the contacts of a job that has ended.
enum class bulk_end : std::uint8_t {
    imported, ///< those that are still marked need no call for the main table if they were not written since; sent before other resyncs
    by_call,  ///< each is sent by a call; before other resyncs
    in_doubt, ///< the same, but the vendor's job may still end: see end_doubts(). Deletions are repeated until then
    again     ///< as if there had been no job
};

class bulk_job_repository {
public:
    /// `db` must outlive it.
    explicit bulk_job_repository(database& db) : db_(db) {}

    /// Fast even if the queue is long; the time grows with the threshold.
    [[nodiscard]] result<bulk_look> look(std::int64_t threshold);
    /// Becomes, or remains, the process that looks after jobs, for the time of `lease`. Returns nullopt if another process is.
    [[nodiscard]] result<std::optional<bulk_hold>> hold(const uuid& holder, std::chrono::seconds lease);
    /// Lets another process look after jobs.
    [[nodiscard]] result<void> let_go(const uuid& holder);

    // The next three return false, and change nothing, if `holder` does not look after jobs any more or the job is another one.

    /// Begins a job, whose files at the file server will have these paths.
    [[nodiscard]] result<bool> begin(const uuid& holder, const uuid& job, const std::vector<std::string>& paths);
    /// Notes that the vendor is about to be asked to start the job with that many contacts.
    [[nodiscard]] result<bool> note_asked(const uuid& holder, const uuid& job, std::int64_t contacts);
    /// Ends the job, when its contacts have been let go. `pause`: nullopt if it succeeded, else the time until the next may begin.
    [[nodiscard]] result<bool> end(const uuid& holder, const uuid& job, const std::optional<std::chrono::milliseconds>& pause);

    /// Notes the vendor's id of the job, whichever process looks after it. Returns false if the job has ended.
    [[nodiscard]] result<bool> note_started(const uuid& job, const std::string& vendor_id);

    /// Notes another file of the job, which must be removed when the job has ended.
    [[nodiscard]] result<void> note_file(const uuid& job, const std::string& path);
    /// Returns the paths of at most `limit` files of jobs that have ended, which are to be removed now.
    [[nodiscard]] result<std::vector<std::string>> left_files(int limit);
    /// Forgets a file that was removed.
    [[nodiscard]] result<void> removed(const std::string& path);
    /// Lets the next attempt to remove a file wait.
    [[nodiscard]] result<void> not_removed(const std::string& path, std::chrono::milliseconds pause);

    /// Queues at most `limit` contacts whose time of doubt is over, as far as they exist, to be sent whatever was sent before. Returns
    /// how many had such a time. Needs no job.
    [[nodiscard]] result<std::size_t> end_doubts(int limit);

    /// Claims for `job` at most `limit` contacts that wait for a job; none if another job is under way. Like
    /// sync_queue_repository::claim().
    [[nodiscard]] result<std::vector<queued_contact>> claim(const uuid& job, int limit, std::chrono::seconds lease);
    /// Notes what the job's file has of these contacts.
    [[nodiscard]] result<void> mark(const uuid& job, std::span<const bulk_row> rows);
    /// Lets these contacts of the job go; they are sent by calls.
    [[nodiscard]] result<void> put_back(const uuid& job, std::span<const uuid> email_ids);
    /// Forgets the marks of these contacts, so that a call is made for each. Returns how many of them belong to the job.
    [[nodiscard]] result<std::size_t> unmark(const uuid& job, std::span<const uuid> email_ids);
    /// Renews the claims of at most `limit` contacts of the job that end within two thirds of the lease. Returns how many.
    [[nodiscard]] result<std::size_t> renew(const uuid& job, std::chrono::seconds lease, int limit);
    /// Lets at most `limit` contacts of the job go. Returns how many; fewer than the limit: all are done. `doubt`: with bulk_end::in_doubt,
    /// how long the vendor's job may still end.
    [[nodiscard]] result<std::size_t> release(const uuid& job, bulk_end how, int limit, std::chrono::seconds doubt = {});

private:
    database& db_;
};

} // namespace ctms::persistence
