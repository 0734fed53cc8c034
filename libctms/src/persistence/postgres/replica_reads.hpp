// SPDX-License-Identifier: MPL-2.0
// Reads that may be slightly old: on a replica while it answers, on the primary otherwise. A replica that fails costs
// one attempt, then it is left alone for some seconds; after them a single read tries it, while others go on at the
// primary. Never for what must see the write before it. Thread safe. Private to this layer.
#pragma once

#include "pool.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

namespace ctms::persistence {

class replica_reads {
public:
    /// How long a replica that cannot be reached is left alone.
    static constexpr std::chrono::seconds rest{5};

    /// `replica` must outlive it.
    explicit replica_reads(database& replica) : replica_(replica) {}

    /// What `work(connection&)` returns at the replica; nullopt when it failed there, or is not asked at the moment.
    template <class Work>
    [[nodiscard]] auto ask(const Work& work) -> std::optional<decltype(work(std::declval<connection&>()))> {
        const auto turn = take_turn();
        if (turn == turn_kind::none) return std::nullopt;
        try {
            auto answer = work(*replica_.connections().acquire());
            if (turn == turn_kind::trial) rests_until_ = 0;
            return answer;
        } catch (const sql_error& failure) {
            // Also when a replica cancels a read that its primary's changes overtook (40001): the primary takes it at once.
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
    std::atomic<clock::rep> rests_until_ = 0; ///< 0: it answers
};

/// Runs `work` at the replica if there is one and `accept(answer)` is true of what it says, else at the primary as run() does.
/// Writes have no business here.
template <class Work, class Accept>
auto run_read(database& primary, replica_reads* replica, const Work& work, const Accept& accept)
    -> result<decltype(work(std::declval<connection&>()))> {
    if (replica != nullptr) {
        if (auto answer = replica->ask(work); answer && accept(*answer)) return std::move(*answer);
    }
    return run(primary, work);
}

} // namespace ctms::persistence
