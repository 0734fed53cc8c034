// SPDX-License-Identifier: MPL-2.0
// Up to which time all changes are visible: the default end of /updates. Private to this layer.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/persistence/database.hpp>

#include <persistence/postgres/connection.hpp>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace ctms::persistence {

/// How long open transactions hold back the end.
struct horizon_limits {
    std::chrono::seconds reader{60};  ///< one that has not written yet, or that the role may not see
    std::chrono::seconds writer{600}; ///< one that has written, or that is prepared
};

/// A transaction that has written and is older than the limit.
struct overdue_transaction {
    std::int64_t pid; ///< of its server process
    std::chrono::seconds age;
};

struct updates_horizon {
    timestamp end;       ///< statements that begin later see every change with an earlier time, unless it is of an overdue transaction
    timestamp now;       ///< the clock of the database
    std::string held_by; ///< one of metrics::updates_end_holders
    std::optional<overdue_transaction> overdue; ///< the oldest one
};

/// Reads the horizon, in one round trip. `primary` must not be in a transaction, because there the view of the sessions does not change.
[[nodiscard]] updates_horizon read_updates_horizon(connection& primary, const horizon_limits& limits = {});

/// A horizon that requests share, so that frequent polls do not cost a statement each. One that was read a moment ago is only a little
/// earlier. Thread safe.
class shared_horizon {
public:
    /// Returns a horizon that was read at most 20 ms ago, with the present time of the database. Takes one round trip at most.
    [[nodiscard]] result<updates_horizon> get(database& primary);

private:
    std::mutex mutex_;
    std::optional<updates_horizon> last_;
    std::chrono::steady_clock::time_point read_at_; ///< just before
};

/// Returns a position in the primary's log after all that is visible now.
[[nodiscard]] std::string log_position(connection& primary);

/// Whether a standby has replayed the log up to `position`. Waits a moment for it. False for a server that is not a standby.
[[nodiscard]] bool has_replayed(connection& standby, const std::string& position);

} // namespace ctms::persistence
