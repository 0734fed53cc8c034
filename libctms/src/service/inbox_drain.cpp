// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/changes.hpp>
#include <ctms/service/inbox_drain.hpp>

#include <ctms/persistence/database.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <condition_variable>
#include <exception>
#include <mutex>

namespace ctms::service {

inbox_drain::inbox_drain(persistence::database& db, std::chrono::seconds keep_deletions, std::chrono::milliseconds pause)
    : db_(db), keep_deletions_(keep_deletions), pause_(pause), worker_([this](const std::stop_token& stop) { work(stop); }) {}

void inbox_drain::work(const std::stop_token& stop) {
    constexpr std::chrono::hours between{1};
    auto forgets_at = std::chrono::steady_clock::now();
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    while (!stopped.wait_for(lock, stop, pause_, [&] { return stop.stop_requested(); })) {
        try {
            persistence::sync_queue_repository queue(db_);
            for (auto empty = queue.drain_inbox(1); empty && !*empty && !stop.stop_requested(); empty = queue.drain_inbox(1)) {
            }
            if (std::chrono::steady_clock::now() < forgets_at) continue;
            const auto forgotten = changes(db_).forget_deletions(keep_deletions_);
            if (forgotten && *forgotten < changes::most_forgotten) forgets_at = std::chrono::steady_clock::now() + between;
        } catch (const std::exception&) { // out of memory: tries again after the pause
        }
    }
}

} // namespace ctms::service
