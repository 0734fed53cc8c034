// SPDX-License-Identifier: MPL-2.0
// Keeps the email vendor's tables equal to ours: takes contacts from the queue, sends their data, and records the result. Every change is
// sent at least once, in order for each contact, and none is lost. A sync object is one worker and belongs to one thread at a time; any
// number of them, in any number of processes, may share a queue.
#pragma once

#include <ctms/acoustic/client.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/mozlog/logger.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace ctms::service {

/// Options of a worker.
struct CTMS_API sync_options {
    int batch_limit = 20;            ///< contacts per cycle
    int retry_limit = 6;             ///< failed attempts after which a contact is parked
    int connections = 10;            ///< concurrent calls of all processes together
    bool skip_unchanged = false;     ///< do not send tables of a contact that did not change since they were last sent
    std::chrono::seconds lease{300}; ///< duration of a claim unless renewed, at most an hour; then others take a killed worker's contacts
    std::chrono::milliseconds first_wait{30'000};      ///< after the first failure of a contact; doubles with each, with jitter
    std::chrono::milliseconds longest_wait{1'800'000}; ///< longest wait between attempts, at most half an hour
    std::chrono::milliseconds first_pause{1000};       ///< first pause of the circuit breaker; doubles with each failed probe, with jitter
    std::chrono::milliseconds longest_pause{30'000};   ///< longest pause between probes
    std::chrono::milliseconds gather{20}; ///< how long rows of the relational tables wait for those of other contacts on an idle connection
    std::function<bool()> leaves_bulk{};  ///< whether bulk jobs take imports and resyncs (bulk_sync::takes_bulk); calls do not, then
};

/// The result of a cycle.
struct CTMS_API cycle_report {
    std::int64_t sync_backlog = 0;        ///< contacts that waited before the cycle, without parked ones
    std::int64_t retry_backlog = 0;       ///< contacts that had been tried at least once before the cycle, including parked ones
    std::int64_t parked = 0;              ///< parked contacts before the cycle
    int total = 0;                        ///< processed contacts
    int synced = 0;                       ///< of these, contacts that were sent
    int retried = 0;                      ///< of these, contacts to be tried again
    int failed = 0;                       ///< of these, contacts that were parked
    int skipped = 0;                      ///< of these, contacts removed from the queue without being sent
    bool full = false;                    ///< the batch was full: more contacts may be waiting
    bool vendor_down = false;             ///< the circuit breaker is open
    bool no_slot = false;                 ///< other processes use all the calls that are allowed
    std::optional<double> age_s;          ///< time from the first request to the sync, of the last synced contact that never failed
    std::chrono::duration<double> took{}; ///< duration of the whole cycle
};

/// A worker.
class CTMS_API sync {
public:
    /// All arguments must outlive it. `log` gets a line for each contact.
    sync(persistence::database& db, acoustic::client& vendor, mozlog::logger& log, sync_options options);
    ~sync();
    sync(const sync&) = delete;
    sync& operator=(const sync&) = delete;

    /// Runs one cycle: claims due contacts, at most a batch, sends them and records every result. On a stop request, it finishes the
    /// current calls, releases the other contacts and returns early. Returns an error if the database fails; a later cycle then sends again
    /// what was already sent. Blocks.
    [[nodiscard]] result<cycle_report> run_cycle(const std::stop_token& stop = {});

    /// Runs cycles without pauses in between until nothing more is due: claims ahead, so that `connections` calls are always under way
    /// while there is work. A cycle ends with `batch_limit` contacts. Calls `ended`, on the calling thread, with each cycle but the last,
    /// which is returned. Otherwise like run_cycle().
    [[nodiscard]] result<cycle_report> run_while_due(const std::stop_token& stop, const std::function<void(const cycle_report&)>& ended);

    /// Empties the queue without sending, one batch at a time, and remembers the contacts for sync_admin::resync_skipped(). Deletions stay
    /// in the queue, because the vendor must get them. Use it instead of run_cycle if contacts should not be sent.
    [[nodiscard]] result<cycle_report> discard_batch();

    /// Looks at the queue and changes nothing in it, except that it moves what other programs wrote there. Use it instead of run_cycle()
    /// while the sync is paused.
    [[nodiscard]] result<cycle_report> look();

    /// Returns true if a contact or a deletion is due.
    [[nodiscard]] result<bool> any_due();

    /// Returns the time of the next probe while the vendor is down; nullopt while it is up. May be called from any thread.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> next_probe() const;

    /// Returns when this worker last finished a call or began a cycle. For a watchdog; may be called from any thread.
    [[nodiscard]] std::chrono::steady_clock::time_point last_progress() const noexcept;

    /// Passes the XML that a cycle would send now (at most a batch) to `print`, call by call. Sends nothing. Returns how many contacts.
    [[nodiscard]] result<int> print_calls(const acoustic::client_options& tables, const std::function<void(std::string_view)>& print);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::service
