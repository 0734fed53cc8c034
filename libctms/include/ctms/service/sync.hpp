// SPDX-License-Identifier: MPL-2.0
// Keeps the email vendor's tables equal to ours: takes contacts from the queue, sends what the vendor should have of
// each, and notes what came of it. The promise: at least once, in order per contact, none lost.
// A sync object is one worker, for one thread at a time; any number of them, in any number of processes, may share a queue.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace ctms::service {

/// How a worker works.
struct CTMS_API sync_options {
    int batch_limit = 20;            ///< contacts of a cycle
    int retry_limit = 6;             ///< failed attempts at a contact before it is parked
    int connections = 10;            ///< calls at one time, of all processes together
    bool skip_unchanged = false;     ///< leave out a table of a contact that the vendor has already as it is
    std::chrono::seconds lease{300}; ///< how long a claim lasts unless it is renewed: a killed worker's rows come back after it
    std::chrono::milliseconds first_wait{30'000};      ///< behind a contact's first failure; doubles with each, with jitter
    std::chrono::milliseconds longest_wait{1'800'000}; ///< between attempts
    std::chrono::milliseconds first_pause{1000};       ///< of the circuit breaker; doubles with each failed probe, with jitter
    std::chrono::milliseconds longest_pause{30'000};   ///< between probes

    /// What guards against failures of the vendor and of contacts. For tests, which show what happens without.
    struct protections {
        bool circuit_breaker = true; ///< while the vendor is down: one probe at a time, and no attempt is used up
        bool park_permanent = true;  ///< what can never succeed is not tried again
        bool isolate_rows = true;    ///< a call that one contact makes fail is split until the others are through
        bool deletions = true;       ///< deleted contacts, and rows that contacts no longer have, are deleted at the vendor
        std::size_t rows_per_call = acoustic::most_rows; ///< fewer are never wrong, only slower
    } protect{};                                         ///< all on
};

/// What one cycle did.
struct CTMS_API cycle_report {
    std::int64_t sync_backlog = 0;        ///< contacts that waited before it, parked ones left out
    std::int64_t retry_backlog = 0;       ///< contacts that had failed at least once before it, parked ones included
    std::int64_t parked = 0;              ///< contacts that had been given up before it
    int total = 0;                        ///< contacts that were dealt with
    int synced = 0;                       ///< of these, the vendor has them
    int retried = 0;                      ///< to be tried again
    int failed = 0;                       ///< parked
    int skipped = 0;                      ///< taken from the queue without being sent
    bool full = false;                    ///< as many as a batch holds: more may wait
    bool vendor_down = false;             ///< the circuit breaker is open
    bool no_slot = false;                 ///< other processes make all the calls that may be made
    std::optional<double> age_s;          ///< from the first request of the contact synced last to its sync, for one that never failed
    std::chrono::duration<double> took{}; ///< the whole cycle
};

/// One worker.
class CTMS_API sync {
public:
    /// All must outlive it. `log` gets a line for each contact.
    sync(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, sync_options options);
    ~sync();
    sync(const sync&) = delete;
    sync& operator=(const sync&) = delete;

    /// One cycle: claims what is due, a batch at most, sends it and records every outcome. Ends early on a stop, when
    /// the calls under way are finished, and gives the rest back. An error when the database fails: what had been sent is
    /// sent again by a later cycle. Blocks.
    [[nodiscard]] result<cycle_report> run_cycle(const std::stop_token& stop = {});

    /// Empties the queue without sending, a batch at a time, as run_cycle does when contacts are not to be sent.
    [[nodiscard]] result<cycle_report> discard_batch();

    /// True when a contact is due, or a deletion.
    [[nodiscard]] result<bool> any_due();

    /// When the next probe of a vendor that is down may be made; nullopt while it is up.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_probe() const;

    /// When a call of this worker ended last, or a cycle began: for a watchdog, from any thread.
    [[nodiscard]] std::chrono::steady_clock::time_point last_progress() const noexcept;

    /// What a cycle would send now, as XML, one call after another through `print`; sends and changes nothing. At most a batch.
    [[nodiscard]] result<int> print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::service
