// SPDX-License-Identifier: MPL-2.0
#include "replica_reads.hpp"

namespace ctms::persistence {

replica_reads::turn_kind replica_reads::take_turn() {
    auto until = rests_until_.load();
    if (until == 0) return turn_kind::usual;
    const auto now = clock::now();
    if (now.time_since_epoch().count() < until) return turn_kind::none;
    // The thread that sets the new end makes the trial; for the others the replica is still resting.
    const auto next = (now + rest).time_since_epoch().count();
    return rests_until_.compare_exchange_strong(until, next) ? turn_kind::trial : turn_kind::none;
}

void replica_reads::note(const sql_error& failure) {
    using kind = sql_error::kind;
    replica_.recorder().database_error("replica");
    const bool away = failure.reason() == kind::connection || failure.reason() == kind::shutdown || failure.reason() == kind::timeout;
    if (away) rests_until_ = (clock::now() + rest).time_since_epoch().count();
}

} // namespace ctms::persistence
