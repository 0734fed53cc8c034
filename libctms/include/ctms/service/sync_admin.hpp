// SPDX-License-Identifier: MPL-2.0
// Use cases for those who operate the sync: the state of its queue, contacts that were given up, and sending contacts again. Works while
// any number of workers run. Blocking; thread safe.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/model/contact_lists.hpp>
#include <ctms/model/sync_queue.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// What a resync has done so far.
struct CTMS_API resync_progress {
    std::size_t looked_at = 0; ///< examined contacts, whether selected or not
    std::size_t chosen = 0;    ///< contacts that match the selection
    std::size_t queued = 0;    ///< selected contacts that were not already waiting
};

/// The result of a resync. Running the same one again is safe: contacts that are already waiting keep their place.
struct CTMS_API resync_report {
    resync_progress done;         ///< what was done, also if it ended early
    bool stopped = false;         ///< the caller stopped it before the last contact
    std::optional<error> failure; ///< the database failed before the last contact
};

/// The use cases.
class CTMS_API sync_admin {
public:
    /// Number of addresses in one transaction of resync_addresses().
    static constexpr std::size_t address_step = 1'000;

    /// `db` must outlive it.
    explicit sync_admin(persistence::database& db) : db_(db) {}

    /// Returns the state of the queue and its workers. The time grows with the queue.
    [[nodiscard]] result<model::queue_status> status();
    /// Returns at most `limit` parked contacts, most recently requested first.
    [[nodiscard]] result<std::vector<model::parked_contact>> parked(int limit);

    /// Makes parked contacts due again, and returns how many of these were parked. Without ids it does nothing.
    [[nodiscard]] result<std::size_t> retry_parked(std::span<const uuid> email_ids);
    /// Makes all parked contacts due again, and returns their number. Takes several transactions, so some may be done when an error is
    /// returned.
    [[nodiscard]] result<std::size_t> retry_all_parked();
    /// Removes parked contacts from the queue, and returns how many of these were parked. Without ids it does nothing. The vendor keeps
    /// the data that it has.
    [[nodiscard]] result<std::size_t> forget_parked(std::span<const uuid> email_ids);
    /// Removes all parked contacts from the queue, and returns their number. Transactions as in retry_all_parked().
    [[nodiscard]] result<std::size_t> forget_all_parked();

    /// Returns the number of selected contacts. The time grows with the table. errc::invalid for a name that has a NUL character or is not
    /// UTF-8.
    [[nodiscard]] result<std::size_t> count(const model::resync_selection& which);
    /// Returns the names of the newsletters or waitlists that contacts have, and the newsletters that have a column at the vendor, in order
    /// of name: at most 10,000 of them. Without repetition. The time grows with the table. `what` must not be `all`, which has no names.
    [[nodiscard]] result<std::vector<std::string>> known_names(model::resync_selection::kind what);
    /// Queues the selected contacts to be sent again, after all normal writes. Takes steps of 10,000 contacts, each a transaction of some
    /// tenths of a second. Calls `go_on` after each step, unless it is empty, and stops if it returns false. Fails as count() does.
    [[nodiscard]] resync_report resync(const model::resync_selection& which,
                                       const std::function<bool(const resync_progress&)>& go_on = nullptr);

    /// Queues the contacts that a sync which was off removed from the queue (sync::discard_batch()), and forgets that they were skipped;
    /// contacts that do not exist any more are only forgotten. Steps and `go_on` as in resync().
    [[nodiscard]] resync_report resync_skipped(const std::function<bool(const resync_progress&)>& go_on = nullptr);
    /// Returns how many contacts resync_skipped() would look at.
    [[nodiscard]] result<std::size_t> count_skipped();

    /// Queues the contacts with these primary addresses, regardless of case and Unicode form, as resync() does; with `dry_run`, only
    /// returns what it would do. Returns a result for each address, in the given order: `changed` are contacts that were queued, `already`
    /// those that were already waiting. Takes a transaction for each `address_step` addresses, so some may be done when an error is
    /// returned. An address that cannot be stored (not UTF-8, or with a NUL) belongs to no contact. Without addresses it does nothing.
    [[nodiscard]] result<std::vector<model::bulk_outcome>> resync_addresses(std::span<const std::string> addresses, bool dry_run = false);

private:
    persistence::database& db_;
};

} // namespace ctms::service
