// SPDX-License-Identifier: MPL-2.0
// Interface for the library's metrics. prometheus-cpp is used only by the programs; a host that wants no metrics passes the null recorder.
// Implementations must be thread safe and fast (under a microsecond).
#pragma once

#include <ctms/base/export.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace ctms::metrics {

/// The values of `kind` in recorder::database_error. `replica`: a read failed at the replica and was answered by the primary.
inline constexpr std::array<std::string_view, 5> database_error_kinds{"connection", "timeout", "conflict", "other", "replica"};

/// The values of `held_by` in recorder::updates_end: what holds back the end of /updates. `none`: nothing. `writer`, `reader`: the oldest
/// open transaction, which has or has not written yet. `prepared`: a prepared transaction. `hidden`: transactions that the role may not
/// see.
inline constexpr std::array<std::string_view, 5> updates_end_holders{"none", "writer", "reader", "prepared", "hidden"};

/// Receives events to count.
class CTMS_API recorder {
public:
    virtual ~recorder() = default;
    /// `contacts` contacts were added to the sync queue (ctms_pending_acoustic_sync_total).
    virtual void sync_scheduled(std::size_t contacts) = 0;
    /// A POST or PUT used the older waitlist form (ctms_legacy_waitlists_requests_total).
    virtual void legacy_waitlists_used() = 0;
    /// The database failed. `kind` is one of database_error_kinds.
    virtual void database_error(std::string_view kind) = 0;
    /// `objects` objects or messages of Stripe could not be stored and were parked (ctms_stripe_parked_total).
    virtual void stripe_parked(std::size_t objects) { (void)objects; }
    /// The default end of /updates was determined: `seconds` before the time of the database. `held_by` is one of updates_end_holders.
    virtual void updates_end(std::string_view held_by, double seconds) {
        (void)held_by;
        (void)seconds;
    }
};

/// Returns a recorder that counts nothing. It lives as long as the program.
[[nodiscard]] CTMS_API recorder& null_recorder() noexcept;

} // namespace ctms::metrics
