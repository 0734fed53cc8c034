// SPDX-License-Identifier: MPL-2.0
// The connections of a database and who has them. Leases are move-only and return their connection on
// destruction. Private to this layer.
#pragma once

#include "connection.hpp"

#include <ctms/base/result.hpp>
#include <ctms/persistence/database.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <type_traits>
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
    using connections = std::vector<std::unique_ptr<connection>>;

    /// Waits for the right to hold one more connection; returns an idle one, or null: open one.
    std::unique_ptr<connection> wait_for_turn(connections& discarded);
    std::unique_ptr<connection> open();
    void give_back(std::unique_ptr<connection> held);
    /// Cuts connections whose server neither answers nor goes away.
    void watch(const std::stop_token& stop);
    [[nodiscard]] bool fresh(const connection& one) const;

    database_options options_;
    mutable std::mutex mutex_;
    std::condition_variable freed_;
    connections idle_;
    std::set<connection*> leased_;
    std::condition_variable_any stopping_;
    int open_ = 0; ///< idle, leased and being opened
    int waiting_ = 0;
    std::jthread watcher_; ///< last: it uses the others
};

/// How a failure is told to the outside.
struct refusal {
    errc code;
    const char* message;
};
constexpr refusal try_later{errc::unavailable, "Service temporarily unavailable"};

/// The error for the outside that belongs to a failure in here; counts it with the recorder. `given_up` tells of
/// work that the writes of others made fail at every try.
[[nodiscard]] error to_error(const sql_error& failure, metrics::recorder& recorder, const refusal& given_up = try_later);

/// Decides whether work that failed is run again, and waits before it is.
class retries {
public:
    /// `held` is the connection that failed, null when there was none available.
    [[nodiscard]] bool allow(const sql_error& failure, const connection* held);
    void pause() const;

private:
    int lost_ = 0;
    int conflicts_ = 0;
};

/// Runs `work(connection&)`, which returns a T, on a leased connection, and turns sql_error into an error.
/// Work that lost its connection before it committed anything is run again once, on a fresh one; work that failed
/// with `retryable` at most 3 times more, with jitter: `work` must not leave traces of a failed run.
/// When that does not help it is refused as `given_up` says. What is in doubt is never run again. Other exceptions pass through; an open
/// transaction is rolled back.
template <class Work>
auto run(database& db, Work work, const refusal& given_up = try_later) -> result<decltype(work(std::declval<connection&>()))> {
    for (retries again;;) {
        {
            std::optional<pool::lease> held;
            try {
                held.emplace(db.connections().acquire());
                if constexpr (std::is_void_v<decltype(work(**held))>) {
                    work(**held);
                    return {};
                } else {
                    return work(**held);
                }
            } catch (const sql_error& failure) {
                if (!again.allow(failure, held ? &**held : nullptr)) return to_error(failure, db.recorder(), given_up);
            }
        } // gives the connection back before waiting
        again.pause();
    }
}

} // namespace ctms::persistence
