// SPDX-License-Identifier: MPL-2.0
// A PostgreSQL database and the connections to it. Opens connections when they are needed, keeps
// them, discards broken ones. No pqxx type is visible. Thread safe: share one per process.
// Failures come as errors (unavailable, outcome_unknown, conflict); only bugs are exceptions.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/metrics/recorder.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace ctms::persistence {

/// Where the database is, and how to deal with it.
struct CTMS_API database_options {
    std::string url;                                     ///< postgresql://, postgres:// or a libpq connection string
    int pool_size = 5;                                   ///< connections that are kept
    int max_overflow = 10;                               ///< connections beyond those, closed after use
    std::chrono::seconds pool_timeout{30};               ///< how long to wait for a connection: then unavailable
    std::chrono::seconds pool_recycle{900};              ///< a connection older than this is replaced
    bool prepared = true;                                ///< prepare statements once per connection; false for PgBouncer
    std::chrono::milliseconds statement_timeout{10'000}; ///< the server ends a statement then
    std::chrono::milliseconds lock_timeout{5'000};       ///< a statement waits for others so long
    std::chrono::seconds connect_timeout{3};             ///< for each address of the host
};

/// How the pool stands: for metrics.
struct CTMS_API pool_state {
    int size = 0;    ///< open connections
    int in_use = 0;  ///< of these, leased
    int waiting = 0; ///< threads that wait for one
};

class pool; // private: src/persistence/pool.hpp

/// A database, as its pool of connections.
class CTMS_API database {
public:
    /// Opens nothing yet: a database that is down makes calls fail, not construction.
    explicit database(database_options options, metrics::recorder& recorder = metrics::null_recorder());
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    /// One round trip, "select 1". Unavailable when it cannot be made.
    [[nodiscard]] result<void> ping();

    /// A moment's view.
    [[nodiscard]] pool_state state() const;

    /// For the repositories of this layer.
    [[nodiscard]] pool& connections() { return *pool_; }
    /// What this database reports to.
    [[nodiscard]] metrics::recorder& recorder() { return recorder_; }

private:
    metrics::recorder& recorder_;
    std::unique_ptr<pool> pool_;
};

/// `url` without its password, for logs.
[[nodiscard]] CTMS_API std::string url_for_display(const std::string& url);

} // namespace ctms::persistence
