// SPDX-License-Identifier: MPL-2.0
// A PostgreSQL database and the pool of connections to it. Opens connections when they are needed, keeps them, and discards broken ones.
// Does not expose any pqxx type. Thread safe: share one per process. Failures are errors (unavailable, outcome_unknown, conflict); only
// bugs are exceptions.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/metrics/recorder.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

/// How suppressed addresses are recognised: those of people who were erased and must not be stored again. The database has only keyed
/// hashes of them (see auth::keyed_hashes).
struct CTMS_API suppression_options {
    /// Returns the hash of a text with each key, in hexadecimal digits, the current key first. Must be thread safe. Without it, addresses
    /// are neither suppressed nor recognised.
    std::function<std::vector<std::string>(std::string_view text)> hashes{};
    bool opts_out = false; ///< contacts with such an address are stored, but opted out of all email; if false, they are refused
};

/// Address of the database, and options of the pool.
struct CTMS_API database_options {
    std::string url;                                     ///< postgresql://, postgres:// or a libpq connection string
    int pool_size = 5;                                   ///< connections that are kept open
    int max_overflow = 10;                               ///< additional connections, closed after use
    std::chrono::seconds pool_timeout{30};               ///< how long to wait for a connection before failing with unavailable
    std::chrono::seconds pool_recycle{900};              ///< connections older than this are replaced
    bool prepared = true;                                ///< prepare statements once per connection; false for PgBouncer
    std::chrono::milliseconds statement_timeout{10'000}; ///< after this time, the server cancels a statement
    std::chrono::milliseconds lock_timeout{5'000};       ///< how long a statement waits for a lock
    std::chrono::seconds connect_timeout{3};             ///< for each address of the host
    suppression_options suppression{};                   ///< for every write of contacts and of Stripe objects
    bool keeps_history = false;                          ///< record who changes contacts, in the transaction of each change
};

/// State of the pool, for metrics.
struct CTMS_API pool_state {
    int size = 0;    ///< open connections
    int in_use = 0;  ///< open connections that are in use
    int waiting = 0; ///< threads that wait for a connection
};

class pool; // private: src/persistence/postgres/pool.hpp

/// A database with its pool of connections.
class CTMS_API database {
public:
    /// Does not connect yet: if the database is down, calls fail, but construction succeeds.
    explicit database(database_options options, metrics::recorder& recorder = metrics::null_recorder());
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    /// Executes "select 1" in one round trip. errc::unavailable if that fails.
    [[nodiscard]] result<void> ping();

    /// Returns a snapshot of the state of the pool.
    [[nodiscard]] pool_state state() const;

    /// For the repositories of this layer.
    [[nodiscard]] pool& connections() { return *pool_; }
    /// Returns the recorder of this database.
    [[nodiscard]] metrics::recorder& recorder() { return recorder_; }

private:
    metrics::recorder& recorder_;
    std::unique_ptr<pool> pool_;
};

/// Returns `url` without its password, for logs.
[[nodiscard]] CTMS_API std::string url_for_display(const std::string& url);

} // namespace ctms::persistence
