// SPDX-License-Identifier: MPL-2.0
// The queue of contacts that wait to be sent to the email vendor, as operators see it: its size, its workers, the contacts that were given
// up, and what to send again. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/uuid.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ctms::model {

/// Size of the queue.
struct CTMS_API backlog_counts {
    std::int64_t backlog = 0;       ///< waiting contacts, without parked ones
    std::int64_t retry_backlog = 0; ///< contacts that were tried at least once since they were requested, parked ones included
    std::int64_t parked = 0;        ///< contacts that were given up
    std::chrono::seconds age{};     ///< time since the first request of the contact that has waited longest, without parked ones

    friend bool operator==(const backlog_counts&, const backlog_counts&) = default; ///< member by member
};

/// A contact that was given up.
struct CTMS_API parked_contact {
    uuid email_id;                 ///< of the contact
    bool is_deletion = false;      ///< the contact was deleted here
    int retry = 0;                 ///< failed attempts
    std::string reason;            ///< reason of the last failure
    timestamp last_requested_at{}; ///< time of the last change

    friend bool operator==(const parked_contact&, const parked_contact&) = default; ///< member by member
};

/// A process of the sync, as known to the database.
struct CTMS_API sync_worker {
    uuid id;                  ///< new at each start
    std::int64_t claimed = 0; ///< claimed contacts
    std::int64_t slots = 0;   ///< calls that it may make to the vendor at the same time
    timestamp until{};        ///< end of the last of these leases

    friend bool operator==(const sync_worker&, const sync_worker&) = default; ///< member by member
};

/// The state of the queue.
struct CTMS_API queue_status {
    backlog_counts counts;         ///< size of the queue
    std::int64_t due = 0;          ///< contacts that can be claimed now
    std::int64_t claimed = 0;      ///< contacts that a worker has claimed
    std::int64_t after_writes = 0; ///< contacts of the backlog that are sent after single writes: from opt-out lists, imports, resyncs
    std::optional<std::int64_t> bulk_contacts{}; ///< a bulk job is under way: contacts that belong to it, of those that are claimed
    std::vector<sync_worker> workers;            ///< workers with a claim or a slot
    std::int64_t skipped = 0;                    ///< contacts that a sync which was off removed from the queue, and remembered
    std::optional<timestamp> next_probe_at{};    ///< the circuit is open: time of the next probe; nullopt while it is closed
    std::string circuit_reason{};                ///< why the circuit was opened; "" while it is closed
    std::string last_error{};                    ///< last failure of a call to the vendor; contains no addresses
    std::optional<timestamp> last_error_at{};    ///< time of that failure

    friend bool operator==(const queue_status&, const queue_status&) = default; ///< member by member
};

/// The contacts of a resync.
struct CTMS_API resync_selection {
    /// Criterion of the selection.
    enum class kind : std::uint8_t {
        all,        ///< every contact
        newsletter, ///< contacts with a row of this newsletter, subscribed or not, because the vendor stores both
        waitlist    ///< contacts on this waitlist
    };
    kind what = kind::all; ///< criterion
    std::string name{};    ///< name of the newsletter or the waitlist

    friend bool operator==(const resync_selection&, const resync_selection&) = default; ///< member by member
};

} // namespace ctms::model
