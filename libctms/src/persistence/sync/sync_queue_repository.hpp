// SPDX-License-Identifier: MPL-2.0
// The queue of contacts that wait to be sent to the email vendor (table ctms_sync_queue), and what was sent (ctms_vendor_state). Any number
// of workers, in any number of processes, may share it: a worker claims rows, and a claim ends with its lease. Thread safe; each call is
// one transaction unless its comment says otherwise.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact_lists.hpp>
#include <ctms/model/sync_queue.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// What the vendor accepted for a contact the last time.
struct vendor_state {
    std::string main_hash;                ///< hash of the main table's row, computed by the caller; "" if unknown
    std::string newsletter_hash;          ///< hash of the rows of the newsletter table; "" if unknown
    std::string product_hash;             ///< hash of the rows of the product table; "" if unknown
    std::vector<std::string> newsletters; ///< keys of the rows in the newsletter table: names of newsletters
    std::vector<std::string> products;    ///< keys of the rows in the product table: product_ids
    std::vector<std::string> columns{};   ///< names of the columns of the main table that may have a value

    friend bool operator==(const vendor_state&, const vendor_state&) = default; ///< member by member
};

/// A claimed row.
struct queued_contact {
    uuid email_id;                            ///< of the contact
    bool is_deletion = false;                 ///< the contact was deleted here
    std::string primary_email;                ///< only for deletions, which the vendor identifies by address
    std::int64_t version = 0;                 ///< number of requests so far
    int retry = 0;                            ///< failed attempts since the last request
    int priority = 0;                         ///< lower values are sent first (queue_priority.hpp)
    timestamp first_requested_at{};           ///< first request since the vendor was last up to date
    std::optional<timestamp> last_attempt_at; ///< time of the last failed attempt, whether it counted or not
    std::optional<vendor_state> sent;         ///< nullopt: unknown (a contact that the Python service synced)
    std::string imported_hash{};              ///< hash of the row of the main table that a bulk job sent of this version; "" if none did
};

/// The result of one step of a resync.
struct resync_step {
    std::optional<uuid> last;  ///< the last contact that was examined; nullopt if there are no more
    std::size_t looked_at = 0; ///< examined contacts, whether selected or not
    std::size_t chosen = 0;    ///< contacts that match the selection
    std::size_t queued = 0;    ///< selected contacts that were not already waiting
};

/// How to treat a contact that could not be sent.
struct failed_attempt {
    std::string reason;                     ///< stored with the row; must not contain personal data
    bool give_up = false;                   ///< park it now, because it can never succeed; the attempt is counted as usual
    bool counts = true;                     ///< uses up one of the attempts; false while the vendor is down
    int limit = 6;                          ///< number of failed attempts after which it is parked
    std::chrono::milliseconds wait{30'000}; ///< time until the next attempt
};

/// A contact that was sent.
struct sent_contact {
    uuid email_id;                     ///< of the contact
    std::int64_t version = 0;          ///< the version whose content was sent
    std::optional<vendor_state> state; ///< what the vendor has now; nullopt: nothing, because the contact is gone
    bool is_deletion = false;          ///< the vendor was told to delete it; never together with a state
};

/// No lease and no wait for the next attempt is longer. A time that lies further ahead was stored before the database's clock was set back.
inline constexpr std::chrono::seconds longest_ahead = std::chrono::hours(1);

/// Rows whatever their priority.
inline constexpr int any_priority = 1'000'000;

/// The queue, for workers and for monitoring.
class sync_queue_repository {
public:
    /// `db` must outlive it.
    explicit sync_queue_repository(database& db) : db_(db) {}

    /// Moves what other programs wrote (table ctms_inbox, filled by triggers) to the queue, in `batches` of 1,000 rows at most, each in its
    /// own transaction. Skips rows that another process is moving. Returns whether the last batch was not full. Call it before claim().
    [[nodiscard]] result<bool> drain_inbox(int batches);

    /// Counts the queue, and the rows of the inbox as contacts, in one round trip and in constant time: each number up to 10,000 is exact,
    /// greater ones come from the statistics of the database.
    [[nodiscard]] result<model::backlog_counts> count();

    /// Claims for `worker`, for the time of `lease`, at most `limit` rows that are due and not claimed: by priority (queue_priority.hpp),
    /// then by due time, and only rows whose priority is lower than `below`. Leaves out rows whose last attempt failed within `untried_for`
    /// before now, if it is given. Never waits for rows of other workers. One round trip.
    [[nodiscard]] result<std::vector<queued_contact>> claim(const uuid& worker, int limit, std::chrono::seconds lease,
                                                            int below = any_priority,
                                                            const std::optional<std::chrono::milliseconds>& untried_for = std::nullopt);

    /// Returns the rows that claim() would return, without claiming them.
    [[nodiscard]] result<std::vector<queued_contact>> peek(int limit);
    /// Returns true if a row with a priority lower than `below` is due and not claimed, or one waits in the inbox. Fast even if the queue
    /// is long.
    [[nodiscard]] result<bool> any_due(int below = any_priority);

    /// Makes rows due whose next attempt lies more than `longest_ahead` in the future, and shortens claims to that time, so that a worker
    /// that still lives can renew them before another one takes over. At most some thousand rows in one call. Fast if there are none.
    [[nodiscard]] result<void> bring_times_back();

    /// Renews the lease of all rows that `worker` has claimed, and returns their number.
    [[nodiscard]] result<std::size_t> renew(const uuid& worker, std::chrono::seconds lease);

    /// Stores what the vendor may have of contacts that `worker` has claimed, before anything is sent. Does not change rows that the worker
    /// does not hold. One round trip.
    [[nodiscard]] result<void> note_states(const uuid& worker, std::span<const sent_contact> states);

    /// Records that these contacts were sent, and stores what the vendor has now. Removes the rows of those that were not requested again
    /// since, and their rows in the Python service's pending_acoustic, and returns the number of these. The other rows stay and are due
    /// now. Does not change rows that `worker` no longer holds. One round trip.
    [[nodiscard]] result<std::size_t> complete(const uuid& worker, std::span<const sent_contact> contacts);

    /// Records that the contact could not be sent: stores the reason and the time of the next attempt, or parks the contact. If it was
    /// requested again since, it is due now instead, as if new. Ends the claim. `partly`, if given, is what the vendor has stored
    /// anyway. Returns true if the contact was parked.
    [[nodiscard]] result<bool> fail(const uuid& worker, const queued_contact& contact, const failed_attempt& how,
                                    const std::optional<vendor_state>& partly = std::nullopt);

    /// Ends the claims of `worker` on these rows, as if they had not been claimed; nullopt: on all rows that it has claimed, also those
    /// that it does not know of.
    [[nodiscard]] result<void> release(const uuid& worker, const std::optional<std::span<const uuid>>& email_ids);

    /// Removes at most `limit` rows without sending them, including parked ones, and returns their number. For a sync that is switched off.
    /// Remembers the contacts for request_skipped(). Deletions stay in the queue. Skips rows that a write has locked.
    [[nodiscard]] result<std::size_t> discard(int limit);

    /// One step of a bulk resync: examines `limit` contacts in order of email_id, starting after `after`, and queues those that are
    /// selected, with a lower priority than normal writes. Contacts that are already waiting keep their place. Each step is a transaction;
    /// its time depends on `limit`, not on the number of contacts.
    [[nodiscard]] result<resync_step> request_resync(const model::resync_selection& which, const std::optional<uuid>& after, int limit);
    /// The same for the contacts with these primary addresses, regardless of case and Unicode form; at most some thousand at a time.
    /// Returns a result for each address, in the given order.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> request_resync(std::span<const std::string> addresses);
    /// Queues at most `limit` of the contacts that discard() remembered, with a lower priority than normal writes, and forgets them.
    /// `looked_at` counts the remembered contacts, `chosen` those that still exist. Each call is a transaction.
    [[nodiscard]] result<resync_step> request_skipped(int limit);
    /// Returns how many contacts discard() has remembered.
    [[nodiscard]] result<std::size_t> count_skipped();
    /// Returns the number of selected contacts. The time grows with the table.
    [[nodiscard]] result<std::size_t> count_selected(const model::resync_selection& which);
    /// The names of newsletters or waitlists, in order, at most 10,000; see service::sync_admin::known_names().
    [[nodiscard]] result<std::vector<std::string>> known_names(model::resync_selection::kind what);
    /// Returns what request_resync would return for these addresses, without queueing anything.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> look_up(std::span<const std::string> addresses);

    /// Returns the state of the queue and its workers. The time grows with the queue.
    [[nodiscard]] result<model::queue_status> status();

    /// Notes for status() whether the circuit is open (time until the next probe) or closed (nullopt), and the vendor's last error, if
    /// there is a new one. The reason of an open circuit is the first error that is noted with it.
    [[nodiscard]] result<void> note_circuit(const std::optional<std::chrono::milliseconds>& next_probe,
                                            const std::optional<std::string>& error);

    /// Returns at most `limit` parked rows, most recently requested first.
    [[nodiscard]] result<std::vector<model::parked_contact>> parked(int limit);
    /// Makes those of these rows that are parked due again, and returns their number; 0 without ids. Many rows take several transactions,
    /// so some may be done when an error is returned.
    [[nodiscard]] result<std::size_t> retry_parked(std::span<const uuid> email_ids);
    /// Makes all parked rows due again, and returns their number. Transactions as in retry_parked.
    [[nodiscard]] result<std::size_t> retry_all_parked();
    /// Removes those of these rows that are parked, and returns their number; 0 without ids. Transactions as in retry_parked.
    [[nodiscard]] result<std::size_t> forget_parked(std::span<const uuid> email_ids);
    /// Removes all parked rows, and returns their number. Transactions as in retry_parked.
    [[nodiscard]] result<std::size_t> forget_all_parked();

private:
    /// Stores the sets of columns that the states of these contacts name.
    [[nodiscard]] result<void> keep_columns(std::span<const sent_contact> contacts);

    database& db_;
    std::unique_ptr<std::mutex> columns_mutex_ = std::make_unique<std::mutex>(); ///< guards columns_
    std::set<std::string> columns_;                                              ///< sets of columns that are stored
};

} // namespace ctms::persistence
