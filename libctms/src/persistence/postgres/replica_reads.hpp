// SPDX-License-Identifier: MPL-2.0
// Reads that may return slightly old data: from a replica while it answers, otherwise from the primary. After a replica
// fails, all reads go to the primary for some seconds; then a single read tries the replica, while the others stay with the
// primary. Must not be used for a read that has to see an earlier write. Thread safe. Private to this layer.
#pragma once

#include "pool.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

namespace ctms::persistence {

class replica_reads {
public:
    /// How long a replica that cannot be reached is not used.
    static constexpr std::chrono::seconds rest{5};

    /// `replica` must outlive this object.
    explicit replica_reads(database& replica) : replica_(replica) {}

    /// Runs `work(connection&)` on the replica; nullopt if it failed there or the replica is not in use at the moment.
    template <class Work>
    [[nodiscard]] auto ask(const Work& work) -> std::optional<decltype(work(std::declval<connection&>()))> {
        const auto turn = take_turn();
        if (turn == turn_kind::none) return std::nullopt;
        try {
            auto answer = work(*replica_.connections().acquire());
            if (turn == turn_kind::trial) rests_until_ = 0;
            return answer;
        } catch (const sql_error& failure) {
            // Includes a read that the replica cancelled because of changes from the primary (40001): the primary runs it instead.
            note(failure);
            return std::nullopt;
        }
    }

private:
    using clock = std::chrono::steady_clock;
    enum class turn_kind { none, usual, trial };

    turn_kind take_turn();
    void note(const sql_error& failure);

    database& replica_;
    std::atomic<clock::rep> rests_until_ = 0; ///< 0: the replica answers
};

/// Runs `work` on the replica if there is one; if that fails or `accept(answer)` is false, runs it on the primary as run() does.
/// `work` must not write.
template <class Work, class Accept>
auto run_read(database& primary, replica_reads* replica, const Work& work, const Accept& accept)
    -> result<decltype(work(std::declval<connection&>()))> {
    if (replica != nullptr) {
        if (auto answer = replica->ask(work); answer && accept(*answer)) return std::move(*answer);
    }
    return run(primary, work);
}

} // namespace ctms::persistence
