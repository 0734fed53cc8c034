// SPDX-License-Identifier: MPL-2.0
// One step of a bulk job at a time: makes and uploads its files, asks the vendor to start it, asks how it is doing, and lets its contacts
// go when it has ended. What is known between two steps is in the database, so that another process can take the next one. For one thread.
// Private to this layer.
#pragma once

#include <ctms/acoustic/import.hpp>
#include <ctms/base/result.hpp>
#include <ctms/service/bulk_sync.hpp>

#include <persistence/sync/bulk_job_repository.hpp>
#include <persistence/sync/vendor_slots.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace ctms::service {

class bulk_job {
public:
    /// The references must outlive it.
    bulk_job(persistence::database& db, acoustic::client& vendor, acoustic::file_exchange& files, mozlog::logger& log,
             const bulk_options& options);

    /// Takes the next step and returns the time until the one after it. Returns an error if the database fails.
    [[nodiscard]] result<std::chrono::milliseconds> step(const std::stop_token& stop);
    /// Lets another process look after jobs.
    void let_go();
    /// Whether jobs take the contacts of resyncs. May be called from any thread.
    [[nodiscard]] bool takes_bulk() const noexcept { return takes_; }

private:
    /// The times until the next step.
    using wait = result<std::chrono::milliseconds>;

    [[nodiscard]] wait take_step(const std::stop_token& stop);
    // Steps of a job.
    [[nodiscard]] wait begin(int failures, const std::stop_token& stop);
    [[nodiscard]] wait look_after(const persistence::bulk_job& job, int failures, const std::stop_token& stop);
    [[nodiscard]] wait ask_how_it_is(const persistence::bulk_job& job, int failures, const std::stop_token& stop);
    [[nodiscard]] wait finish(const persistence::bulk_job& job, int failures, const acoustic::job_state& state,
                              const std::stop_token& stop);

    /// Waits for the next question, or gives the job up if it has taken too long. Then it may still end, and its contacts are in doubt.
    [[nodiscard]] wait wait_or_give_up(const persistence::bulk_job& job, int failures, std::string_view why);
    [[nodiscard]] acoustic::job_answer<std::string> ask_to_start(const uuid& job);
    /// Notes the vendor's id of the job that this process has started, if the database does not have it yet.
    [[nodiscard]] result<void> note_started();
    /// Uploads both files of the job. Returns the number of contacts, or why it was not done.
    [[nodiscard]] result<std::int64_t> upload(const uuid& job, const std::stop_token& stop);
    /// Forgets the marks of the contacts that the vendor refused, of which there are `refused`. Returns why that cannot be done.
    [[nodiscard]] result<std::optional<std::string>> unmark_refused(const persistence::bulk_job& job, const acoustic::job_state& state,
                                                                    std::int64_t refused, const std::stop_token& stop);
    /// Ends a job whose contacts are let go as `how` says, because of `why`.
    [[nodiscard]] wait fail(const persistence::bulk_job& job, persistence::bulk_end how, int failures, std::string_view why);
    /// Ends a job: lets its contacts go, notes the pause until the next one, if it failed, and removes its files.
    [[nodiscard]] result<void> end(const persistence::bulk_job& job, persistence::bulk_end how,
                                   const std::optional<std::chrono::milliseconds>& pause);
    /// Removes files of jobs that have ended. Those that cannot be removed are tried again later.
    [[nodiscard]] result<void> remove_files(const std::stop_token& stop);
    [[nodiscard]] std::optional<std::string> why_not_removed(const std::string& path);
    void report(const persistence::bulk_job& job, const bulk_result& outcome, std::string_view why);
    /// Takes a slot for one call; false if there is none soon.
    [[nodiscard]] result<bool> take_slot(const std::stop_token& stop);

    persistence::database& db_;
    persistence::bulk_job_repository jobs_;
    persistence::vendor_slots slots_;
    acoustic::client& vendor_;
    acoustic::file_exchange& files_;
    mozlog::logger& log_;
    const bulk_options& options_;
    const uuid holder_ = uuid::random();
    std::atomic<bool> takes_ = false;
    std::optional<persistence::bulk_job> started_{}; ///< a job that the vendor has begun, and whose id the database does not have yet
};

} // namespace ctms::service
