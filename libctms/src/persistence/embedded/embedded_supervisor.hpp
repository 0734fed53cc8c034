// SPDX-License-Identifier: MPL-2.0
// The process that supervises an embedded PostgreSQL: a small shell script, detached from the process that started it, that
// runs the server, waits until no process holds the users' lock, and then stops the server. Throws embedded_failure.
#pragma once

#include "embedded_cluster.hpp"
#include "file_lock.hpp"

#include <ctms/persistence/embedded_postgres.hpp>

#include <chrono>

namespace ctms::persistence {

class supervisor {
public:
    supervisor(const embedded_layout& layout, const server_account& account, const embedded_options& options)
        : layout_(layout), account_(account), options_(options) {}

    /// Starts the server and its supervisor if they are not running, and creates the database `ctms`. Returns when the server
    /// answers. If the cluster must be created first, the time until the deadline counts again from then on. The caller must hold the start
    /// lock, and the users' lock in shared mode.
    void ensure_running(std::chrono::steady_clock::time_point deadline);

private:
    bool server_answers() const;
    bool start_server(file_handle lock); ///< returns whether it created the cluster
    void watch_running_server(file_handle lock) const;
    void spawn(file_handle lock, const std::string& running_server, std::vector<std::string> server_command) const;

    const embedded_layout& layout_;
    const server_account& account_;
    const embedded_options& options_;
    int starts_ = 0;
};

/// The URL of a database on the server whose socket is in `folder`.
[[nodiscard]] std::string embedded_url(const std::filesystem::path& folder, const std::string& database);

} // namespace ctms::persistence
