// SPDX-License-Identifier: MPL-2.0
// The pool of connections to a database. Leases are move-only and return their connection on destruction.
// Thread safe. Private to this layer.
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

    /// Returns a connection, and opens one if none is idle. Throws sql_error{connection} if none becomes free within
    /// the pool timeout or the server cannot be reached.
    [[nodiscard]] lease acquire();
    [[nodiscard]] pool_state state() const;
    [[nodiscard]] const database_options& options() const { return options_; }

private:
    using connections = std::vector<std::unique_ptr<connection>>;

    /// Waits for permission to use one more connection; returns an idle one, or null if the caller must open one.
    std::unique_ptr<connection> wait_for_turn(connections& discarded);
    std::unique_ptr<connection> open();
    void give_back(std::unique_ptr<connection> held) noexcept;
    /// Breaks connections whose server neither answers nor disconnects.
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
    std::jthread watcher_; ///< last, because it uses the others
};

/// Whether changes of contacts are recorded in ctms_history.
[[nodiscard]] inline bool keeps_history(database& db) { return db.connections().options().keeps_history; }

/// How a failure is reported to callers of this layer.
struct refusal {
    errc code;
    const char* message;
};
constexpr refusal try_later{errc::unavailable, "Service temporarily unavailable"};

/// What callers are told of a contact that must not be deleted.
inline constexpr const char* told_of_hold = "A legal hold exists for this contact: it can be neither deleted nor erased";

/// Converts a failure to the error that callers see, and counts it with the recorder. `given_up` is used for
/// work that failed at every attempt because of concurrent writes.
[[nodiscard]] error to_error(const sql_error& failure, metrics::recorder& recorder, const refusal& given_up = try_later);

/// Decides whether to repeat work that failed, and waits before the next attempt.
class retries {
public:
    /// `held` is the connection that failed, or null if none was available.
    [[nodiscard]] bool allow(const sql_error& failure, const connection* held);
    void pause() const;

private:
    int lost_ = 0;
    int conflicts_ = 0;
};

/// Runs `work(connection&)`, which returns a T, on a leased connection, and converts sql_error to an error.
/// If the connection is lost before anything was committed, the work is repeated once on a new one. After a `retryable`
/// error it is repeated at most 3 times, with random pauses. A failed run of `work` must not have side effects.
/// If these attempts fail too, the result is `given_up`. Work whose outcome is in doubt is never repeated. Other exceptions
/// propagate. An open transaction is rolled back.
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
