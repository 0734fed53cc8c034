// SPDX-License-Identifier: MPL-2.0
// The connection that a migration works on, and a thread that watches it: it cancels the statement at the server when the caller
// wants to stop, and finds out which sessions the statement waits for. Private to this room.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace ctms::persistence {

/// Thrown when the caller wants to stop.
class stop_requested : public std::runtime_error {
public:
    stop_requested() : std::runtime_error("stopped") {}
};

class migration_session {
public:
    using clock = std::chrono::steady_clock;

    /// Connects; statements wait for locks for up to `wanted.longest_wait`, unless a transaction sets another limit. Both arguments
    /// must outlive the session.
    migration_session(const database_options& options, const migrate_options& wanted);
    ~migration_session() = default; ///< rolls back
    migration_session(const migration_session&) = delete;
    migration_session& operator=(const migration_session&) = delete;

    /// Like connection::execute(), but throws stop_requested if the caller wants to stop, before or during the statement.
    rows execute(const std::string& sql);
    /// For statements that do not wait.
    [[nodiscard]] connection& link() { return link_; }
    /// Sleeps. Throws stop_requested as soon as the caller wants to stop.
    void sleep(std::chrono::milliseconds how_long) const;
    void stop_if_requested() const;

    /// Forgets the sessions that were found, and what to call the present work in reports.
    void begin_work(std::string name);
    /// The sessions that a statement waited for since begin_work(), for people; "" if none was seen.
    [[nodiscard]] std::string blockers();
    /// Passes a line on to the caller. Any thread.
    void report(const std::string& line);

private:
    void watch(const std::stop_token& stop);
    void look(connection& eyes, std::chrono::milliseconds busy_for);

    const database_options& options_;
    const migrate_options& wanted_;
    connection link_;
    std::mutex mutex_;
    std::condition_variable_any stopping_;
    std::optional<clock::time_point> busy_since_;
    std::string pid_;
    std::string work_;
    std::string blockers_;
    clock::time_point last_report_;
    std::mutex reporting_;
    std::jthread watcher_; ///< last, because it uses the others
};

} // namespace ctms::persistence
