// SPDX-License-Identifier: MPL-2.0
// Remembers when API clients use the API, and stores it from time to time on a thread of its own, so that no request waits for it. Thread
// safe.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

/// The last use of each client (model::api_client::last_used).
class CTMS_API client_uses {
public:
    /// Stores every `pause` when clients were last used since then, in one statement, and once more when the object is destroyed. Tries
    /// again after the next pause if the database fails or accepts no writes. `db` must outlive the object.
    explicit client_uses(persistence::database& db, std::chrono::milliseconds pause = std::chrono::minutes{1});
    ~client_uses();
    client_uses(const client_uses&) = delete;
    client_uses& operator=(const client_uses&) = delete;

    /// Notes that an existing client uses the API now. Never blocks for the database. If memory is short, nothing is noted.
    void note(const std::string& client_id) noexcept;

private:
    using clock = std::chrono::steady_clock;
    void work(const std::stop_token& stop);
    void store();

    persistence::database& db_;
    std::chrono::milliseconds pause_;
    std::mutex mutex_;
    std::unordered_map<std::string, clock::time_point> unstored_;
    std::jthread worker_; ///< last: it uses the other members
};

} // namespace ctms::service
