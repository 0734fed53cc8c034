// SPDX-License-Identifier: MPL-2.0
// What a database server says about itself. Plain data.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/time.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace ctms::model {

/// Facts about a database and its server.
struct CTMS_API database_facts {
    std::string version;                       ///< of PostgreSQL
    timestamp clock{};                         ///< time of the server
    bool is_replica = false;                   ///< it only replays the changes of another server
    std::chrono::seconds replica_age{};        ///< of a replica: time since the last replayed transaction; 0 if nothing is left to replay
    std::chrono::seconds replication_lag{};    ///< of a primary: lag of its slowest replica; 0 if each has replayed everything
    std::int64_t size = 0;                     ///< of the database, in bytes
    std::int64_t connections = 0;              ///< of all clients of the server
    std::int64_t most_connections = 0;         ///< that accounts without special rights can have
    std::chrono::seconds oldest_transaction{}; ///< age of the oldest open transaction in this database
    std::int64_t queue_rows = 0;               ///< rows of the sync queue, approximately
    std::int64_t dead_queue_rows = 0;          ///< old versions of its rows that were not yet cleaned up, approximately
};

} // namespace ctms::model
