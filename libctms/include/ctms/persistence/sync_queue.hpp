// SPDX-License-Identifier: MPL-2.0
// The queue of contacts that wait to be sent to the email vendor (table ctms_sync_queue), and what the vendor was sent
// (ctms_vendor_state). Any number of workers, in any number of processes, may share it: a worker claims rows, and a
// claim ends by itself when its lease does. Thread safe; each call is one transaction, unless it says otherwise.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/persistence/database.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ctms::persistence {

/// How the queue stands.
struct CTMS_API backlog_counts {
    std::int64_t backlog = 0;       ///< contacts that wait, those that were given up (parked) left out
    std::int64_t retry_backlog = 0; ///< contacts that failed at least once, parked ones included
    std::int64_t parked = 0;        ///< contacts that were given up
    std::chrono::seconds age{};     ///< since the first request of the contact that waits longest, parked ones left out
};

/// What the vendor holds of a contact as far as we know: what it took the last time.
struct CTMS_API vendor_state {
    std::string main_hash;                ///< of the main table's row, as the caller makes it; "" for not known
    std::string newsletter_hash;          ///< likewise
    std::string product_hash;             ///< likewise
    std::vector<std::string> newsletters; ///< keys of the rows in the newsletter table: their names
    std::vector<std::string> products;    ///< keys of the rows in the product table: their product_ids

    friend bool operator==(const vendor_state&, const vendor_state&) = default; ///< member by member
};

/// A claimed row.
struct CTMS_API queued_contact {
    uuid email_id;                            ///< of the contact
    bool is_deletion = false;                 ///< the contact is gone here
    std::string primary_email;                ///< of a deletion: the vendor is told by address
    std::int64_t version = 0;                 ///< counts the requests so far
    int retry = 0;                            ///< attempts that failed since the last request
    timestamp first_requested_at{};           ///< since the vendor was last up to date
    std::optional<timestamp> last_attempt_at; ///< of the last attempt that failed, counted or not
    std::optional<vendor_state> sent;         ///< nullopt: nothing is known (a contact that the reference synced)
};

/// A row that was given up.
struct CTMS_API parked_contact {
    uuid email_id;                 ///< of the contact
    bool is_deletion = false;      ///< the contact is gone here
    int retry = 0;                 ///< attempts that failed
    std::string reason;            ///< of the last failure
    timestamp last_requested_at{}; ///< when it was changed last
};

/// Which contacts to send anew.
struct CTMS_API resync_selection {
    /// By what they are chosen.
    enum class kind : std::uint8_t {
        all,        ///< every contact
        newsletter, ///< those with a row of it, subscribed or not: the vendor holds both
        waitlist    ///< those on it
    };
    kind what = kind::all; ///< by what they are chosen
    std::string name{};    ///< of the newsletter or the waitlist
};

/// What one step of a resync did.
struct CTMS_API resync_step {
    std::optional<uuid> last;  ///< the last contact that was looked at; nullopt: there are no more
    std::size_t looked_at = 0; ///< contacts, chosen or not
    std::size_t chosen = 0;    ///< that the selection means
    std::size_t queued = 0;    ///< of these, those that did not wait already
};

/// The same for addresses.
struct CTMS_API address_resync {
    std::size_t chosen = 0;           ///< contacts of these addresses
    std::size_t queued = 0;           ///< of these, those that did not wait already
    std::vector<std::size_t> unknown; ///< positions of addresses that no contact has, from 0, in order
};

/// A process of the sync, as the database knows it.
struct CTMS_API sync_worker {
    uuid id;                  ///< made anew at each start
    std::int64_t claimed = 0; ///< contacts
    std::int64_t slots = 0;   ///< calls that it may have under way at the vendor
    timestamp until{};        ///< when the last of these leases ends
};

/// The queue for operators.
struct CTMS_API queue_status {
    backlog_counts counts;            ///< as of count()
    std::int64_t due = 0;             ///< could be claimed now
    std::int64_t claimed = 0;         ///< a worker has them
    std::int64_t resync = 0;          ///< of the backlog, those that a bulk resync queued
    std::vector<sync_worker> workers; ///< those with a claim or a slot
};

/// What to do with a contact that could not be sent.
struct CTMS_API failed_attempt {
    std::string reason;                     ///< kept with the row; must not hold personal data
    bool give_up = false;                   ///< park it at once: it will never succeed as it is; counted as others are
    bool counts = true;                     ///< uses up one of the attempts; false while the vendor is down
    int limit = 6;                          ///< parked when so many attempts have failed
    std::chrono::milliseconds wait{30'000}; ///< until the next attempt
};

/// The queue, for those who send and those who watch.
class CTMS_API sync_queue_repository {
public:
    /// `db` must outlive it.
    explicit sync_queue_repository(database& db) : db_(db) {}

    /// Counts the queue. One round trip; its time grows with the queue.
    [[nodiscard]] result<backlog_counts> count();

    /// Claims at most `limit` rows that are due and that nobody else has claimed, for `worker`, for as long as `lease`: writes
    /// before a bulk resync, then those that are due longest. Never waits for another worker's rows. One round trip.
    [[nodiscard]] result<std::vector<queued_contact>> claim(const uuid& worker, int limit, std::chrono::seconds lease);

    /// The rows that claim() would give, without claiming them.
    [[nodiscard]] result<std::vector<queued_contact>> peek(int limit);
    /// True when a row is due and not claimed. Quick however long the queue is.
    [[nodiscard]] result<bool> any_due();

    /// Makes the lease of all rows that `worker` has claimed begin anew; how many there are.
    [[nodiscard]] result<std::size_t> renew(const uuid& worker, std::chrono::seconds lease);

    /// Notes what the vendor may have of contacts that `worker` has claimed, before anything of them is sent. Changes nothing
    /// of a row that it does not hold. One round trip.
    [[nodiscard]] result<void> note_states(const uuid& worker, std::span<const std::pair<uuid, vendor_state>> states);

    /// The contact was sent as it was at `contact.version`: notes what the vendor has now (nullopt: nothing, it was deleted),
    /// and removes the row, with rows of the reference's pending_acoustic, if it has not been requested again since;
    /// otherwise the row stays, due at once. True when it is gone. Changes nothing of a row that `worker` no longer holds.
    [[nodiscard]] result<bool> complete(const uuid& worker, const queued_contact& contact, const std::optional<vendor_state>& now);

    /// The contact could not be sent: notes why and when to try again, or parks it, unless it was requested again
    /// since (then it is due at once, as new). Gives up the claim. `partly`, when given, is what the vendor has after all.
    /// True when it was parked.
    [[nodiscard]] result<bool> fail(const uuid& worker, const queued_contact& contact, const failed_attempt& how,
                                    const std::optional<vendor_state>& partly = std::nullopt);

    /// Gives up the claims of `worker` on these rows, as if they had not been claimed.
    [[nodiscard]] result<void> release(const uuid& worker, std::span<const uuid> email_ids);

    /// Removes at most `limit` rows without sending them, parked ones too; how many. For a sync that is switched off. Rows that
    /// a write holds at that moment are passed over.
    [[nodiscard]] result<std::size_t> discard(int limit);

    /// One step of a bulk resync: looks at `limit` contacts in order of email_id, from behind `after` on, and queues those that
    /// the selection means behind everything that writes queue. Contacts that wait already keep their place. A step is a
    /// transaction of its own and takes time by `limit`, not by how many contacts there are.
    [[nodiscard]] result<resync_step> request_resync(const resync_selection& which, const std::optional<uuid>& after, int limit);
    /// The same for the contacts with these primary addresses, the case of letters aside; some thousand at a time.
    [[nodiscard]] result<address_resync> request_resync(std::span<const std::string> addresses);
    /// How many contacts a selection means. Its time grows with the table.
    [[nodiscard]] result<std::size_t> count_selected(const resync_selection& which);
    /// What request_resync would do with these addresses; nothing is queued.
    [[nodiscard]] result<address_resync> look_up(std::span<const std::string> addresses);

    /// The queue and who works it. Its time grows with the queue.
    [[nodiscard]] result<queue_status> status();

    /// Rows that were given up, the newest request first.
    [[nodiscard]] result<std::vector<parked_contact>> parked(int limit);
    /// Has rows that were given up tried again: these, or all without any. How many there were. Many rows go in several
    /// transactions: after an error some may be done.
    [[nodiscard]] result<std::size_t> retry_parked(std::span<const uuid> email_ids);
    /// Removes rows that were given up: these, or all without any. How many there were. Transactions as of retry_parked.
    [[nodiscard]] result<std::size_t> forget_parked(std::span<const uuid> email_ids);

private:
    database& db_;
};

/// The calls that may be under way at the vendor at one time, shared by all processes (table ctms_vendor_slots). Each
/// holds some slots, for as long as a lease. Thread safe.
class CTMS_API vendor_slots {
public:
    /// `cap`: how many slots there are.
    vendor_slots(database& db, int cap) : db_(db), cap_(cap) {}

    /// Takes free slots for `worker` until it has `wanted` (at most the cap), and renews those it has; how many it has now.
    /// Those that it has beyond that are not counted and end with their lease.
    [[nodiscard]] result<int> take(const uuid& worker, int wanted, std::chrono::seconds lease);
    /// Gives all slots of `worker` back.
    [[nodiscard]] result<void> give_back(const uuid& worker);

private:
    database& db_;
    int cap_;
};

} // namespace ctms::persistence
