// SPDX-License-Identifier: MPL-2.0
#include "pool.hpp"

#include <ctms/persistence/sync_queue.hpp>

namespace ctms::persistence {

result<backlog_counts> sync_queue_repository::count() {
    static constexpr statement counts{
        "sync_queue_counts", "select count(*) filter (where state <> 'parked'), count(*) filter (where retry > 0),"
                             " count(*) filter (where state = 'parked'),"
                             " coalesce(extract(epoch from now() - min(first_requested_at) filter (where state <> 'parked')), 0)::bigint"
                             " from ctms_sync_queue"};
    return run(db_, [](connection& db) {
        const auto found = db.query(counts, {});
        return backlog_counts{found.integer(0, 0), found.integer(0, 1), found.integer(0, 2), std::chrono::seconds{found.integer(0, 3)}};
    });
}

} // namespace ctms::persistence
