// SPDX-License-Identifier: MPL-2.0
// The connections of a database and who has them. Leases are move-only and return their connection on
// destruction. Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace ctms::persistence {

class pool {
public:
    explicit pool(database_options options);

    class lease {
    public:
        lease(pool& owner, std::unique_ptr<connection> held);
        lease(lease&&) noexcept = default;
        lease& operator=(lease&&) = delete;
        ~lease();
        connection& operator*() const { return *held_; }
        connection* operator->() const { return held_.get(); }

    private:
        pool* owner_;
        std::unique_ptr<connection> held_;
    };

    /// A connection, opened when none is free. Throws sql_error{connection} when there is none within
    /// the pool timeout or the server cannot be reached.
    [[nodiscard]] lease acquire();
    [[nodiscard]] pool_state state() const;
    [[nodiscard]] const database_options& options() const { return options_; }

private:
    void give_back(std::unique_ptr<connection> held);

    database_options options_;
    mutable std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<std::unique_ptr<connection>> idle_;
    int open_ = 0;
    int waiting_ = 0;
};

/// The error for the outside that belongs to a failure in here; counts it with the recorder.
[[nodiscard]] error to_error(const sql_error& failure, metrics::recorder& recorder);

/// Runs `work(connection&)`, which returns a T, on a leased connection, and turns sql_error into an error.
/// A read that lost its connection, and a transaction that failed with `retryable` (at most 3 times, with
/// jitter), is run again: `work` must not leave traces of a failed run. `in_doubt` is never retried.
template <class Work>
auto run(database& db, Work work) -> result<decltype(work(std::declval<connection&>()))>;

} // namespace ctms::persistence
