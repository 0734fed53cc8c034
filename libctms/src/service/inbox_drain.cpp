// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/changes.hpp>
#include <ctms/service/contact_history.hpp>
#include <ctms/service/erasures.hpp>
#include <ctms/service/inbox_drain.hpp>
#include <ctms/service/stripe_parking.hpp>

#include <ctms/base/time.hpp>
#include <ctms/persistence/database.hpp>
#include <persistence/stripe/stripe_repository.hpp>
#include <persistence/sync/server_facts.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

namespace ctms::service {
namespace {

/// Whether the clocks of the database and of this machine agree. If that of the database is far ahead for a moment, everything seems old
/// enough to be forgotten, and it cannot be restored.
bool clocks_agree(persistence::database& db) {
    constexpr std::chrono::hours most{1};
    const auto clock = persistence::read_server_clock(db);
    return clock && std::chrono::abs(*clock - now()) < most;
}

} // namespace

inbox_drain::inbox_drain(persistence::database& db, kept_times keep, std::chrono::milliseconds pause)
    : db_(db), keep_(keep), pause_(pause), worker_([this](const std::stop_token& stop) { work(stop); }) {}

void inbox_drain::work(const std::stop_token& stop) {
    constexpr std::chrono::hours between{1};
    constexpr int most_lines = 1'000;
    constexpr std::chrono::seconds between_answers{30};
    auto forgets_at = std::chrono::steady_clock::now();
    auto forgets_answers_at = forgets_at;
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stopped.wait_for(lock, stop, pause_, [&] { return stop.stop_requested(); })) {
        try {
            persistence::sync_queue_repository queue(db_);
            for (auto empty = queue.drain_inbox(1); empty && !*empty && !stop.stop_requested(); empty = queue.drain_inbox(1)) {
            }
            if (std::chrono::steady_clock::now() < std::min(forgets_at, forgets_answers_at)) continue;
            if (!clocks_agree(db_)) {
                forgets_at = std::max(forgets_at, std::chrono::steady_clock::now() + between_answers);
                forgets_answers_at = forgets_at;
                continue;
            }
            if (std::chrono::steady_clock::now() >= forgets_answers_at) {
                const auto answers = keyed_writes(db_).forget(keep_.answers);
                if (answers && *answers < keyed_writes::most_forgotten)
                    forgets_answers_at = std::chrono::steady_clock::now() + between_answers;
            }
            if (std::chrono::steady_clock::now() < forgets_at) continue;
            const auto forgotten = changes(db_).forget_deletions(keep_.deletions);
            const auto expired = stripe_parking(db_).expire(keep_.parked);
            const auto moved = persistence::stripe_repository(db_).move_ready_lines(most_lines);
            const auto receipts = erasures(db_).forget();
            const auto forgotten_history = contact_history(db_).forget(keep_.history);
            const bool all_forgotten = forgotten && *forgotten < changes::most_forgotten;
            const bool all_expired = expired && *expired < static_cast<std::size_t>(stripe_parking::most_at_once);
            const bool all_moved = moved && *moved < static_cast<std::size_t>(most_lines);
            const bool all_receipts = receipts && *receipts < static_cast<std::size_t>(erasures::most_at_once);
            const bool no_old_history = forgotten_history && *forgotten_history < contact_history::most_forgotten;
            if (all_forgotten && all_expired && all_moved && all_receipts && no_old_history)
                forgets_at = std::chrono::steady_clock::now() + between;
        } catch (const std::exception&) { // out of memory: tries again after the pause
        }
    }
}

} // namespace ctms::service
