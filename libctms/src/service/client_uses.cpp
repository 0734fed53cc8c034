// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/client_uses.hpp>

#include <persistence/clients/client_repository.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <vector>

namespace ctms::service {

client_uses::client_uses(persistence::database& db, std::chrono::milliseconds pause)
    : db_(db), pause_(pause), worker_([this](const std::stop_token& stop) { work(stop); }) {}

client_uses::~client_uses() = default; // the worker stores what is left before it ends

void client_uses::note(const std::string& client_id) noexcept {
    constexpr std::size_t most = 10'000;
    try {
        const auto now = clock::now();
        const std::lock_guard lock(mutex_);
        const auto found = unstored_.find(client_id);
        if (found != unstored_.end()) {
            found->second = now;
        } else if (unstored_.size() < most) {
            unstored_.emplace(client_id, now);
        }
    } catch (const std::exception&) { // out of memory: the client's next request is noted
    }
}

void client_uses::work(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    bool ends = false;
    while (!ends) {
        ends = stopped.wait_for(lock, stop, pause_, [&] { return stop.stop_requested(); });
        try {
            store();
        } catch (const std::exception&) { // out of memory: tries again after the pause
        }
    }
}

void client_uses::store() {
    std::unordered_map<std::string, clock::time_point> taken;
    {
        const std::lock_guard lock(mutex_);
        if (unstored_.empty()) return;
        taken = unstored_;
    }
    const auto now = clock::now();
    std::vector<persistence::client_use> uses;
    uses.reserve(taken.size());
    for (const auto& [id, at] : taken) uses.push_back({id, std::chrono::duration_cast<std::chrono::milliseconds>(std::max(now, at) - at)});
    if (!persistence::client_repository(db_).note_uses(uses)) return;
    const std::lock_guard lock(mutex_);
    std::erase_if(unstored_, [&](const auto& one) {
        const auto stored = taken.find(one.first);
        return stored != taken.end() && stored->second == one.second; // not used again meanwhile
    });
}

} // namespace ctms::service
