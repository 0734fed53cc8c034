// SPDX-License-Identifier: MPL-2.0
// What the library counts, as an interface: prometheus-cpp lives in the programs, and a host that
// wants no metrics passes the null recorder. Implementations must be thread safe and quick (under a microsecond).
#pragma once

#include <ctms/base/export.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace ctms::metrics {

/// What recorder::database_error is told. `replica`: a read failed at the replica, and the primary answered it.
inline constexpr std::array<std::string_view, 5> database_error_kinds{"connection", "timeout", "conflict", "other", "replica"};

/// Is told of what happens.
class CTMS_API recorder {
public:
    virtual ~recorder() = default;
    /// So many contacts were added to the sync's queue (ctms_pending_acoustic_sync_total).
    virtual void sync_scheduled(std::size_t contacts) = 0;
    /// A POST or PUT used the older waitlist form (ctms_legacy_waitlists_requests_total).
    virtual void legacy_waitlists_used() = 0;
    /// The database failed; `kind` is one of database_error_kinds.
    virtual void database_error(std::string_view kind) = 0;
};

/// A recorder that counts nothing. Lives as long as the program.
[[nodiscard]] CTMS_API recorder& null_recorder() noexcept;

} // namespace ctms::metrics
