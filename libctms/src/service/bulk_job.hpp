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

    // Steps of a job.
    [[nodiscard]] wait begin(int failures, const std::stop_token& stop);
    [[nodiscard]] wait look_after(const persistence::bulk_job& job, int failures, const std::stop_token& stop);
    [[nodiscard]] wait ask_how_it_is(const persistence::bulk_job& job, int failures, const std::stop_token& stop);
    [[nodiscard]] wait finish(const persistence::bulk_job& job, int failures, const acoustic::job_state& state,
                              const std::stop_token& stop);

    /// Uploads both files of the job. Returns the number of contacts, or why it was not done.
    [[nodiscard]] result<std::int64_t> upload(const uuid& job, const std::stop_token& stop);
    /// Forgets the marks of the contacts that the vendor refused, of which there are `refused`. Returns why that cannot be done.
    [[nodiscard]] result<std::optional<std::string>> unmark_refused(const persistence::bulk_job& job, const acoustic::job_state& state,
                                                                    std::int64_t refused, const std::stop_token& stop);
    /// Ends a job whose contacts are let go as `how` says, because of `why`.
    [[nodiscard]] wait fail(const persistence::bulk_job& job, persistence::bulk_end how, int failures, std::string_view why);
    /// Ends a job: lets its contacts go, removes its files, and notes the pause until the next one, if it failed.
    [[nodiscard]] result<void> end(const persistence::bulk_job& job, persistence::bulk_end how,
                                   const std::optional<std::chrono::milliseconds>& pause);
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
};

} // namespace ctms::service
