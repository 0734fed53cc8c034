// SPDX-License-Identifier: MPL-2.0
// Reads the data that `ctms-admin top` shows: the metrics of the programs, and the queue in the database. Reads all sources
// concurrently, each within two or three seconds. Thread safe.
#pragma once

#include "top_view.hpp"

#include <ctms/net/http_client.hpp>
#include <ctms/persistence/database.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ctms::cli {

class top_reader {
public:
    /// `sync_url` may be empty. Throws std::invalid_argument if a URL is not the URL of a server.
    top_reader(std::string url, std::string sync_url, const persistence::database_options& database);

    [[nodiscard]] snapshot read();

private:
    std::string url_;
    std::string sync_url_;
    net::http_client web_;
    std::optional<net::http_client> sync_;
    persistence::database database_;
};

/// Reads repeatedly on a separate thread, so that the program can react to keys while it waits for a slow server.
class top_feed {
public:
    top_feed(top_reader& reader, std::chrono::milliseconds interval);
    ~top_feed();
    top_feed(const top_feed&) = delete;
    top_feed& operator=(const top_feed&) = delete;

    /// A descriptor for poll() that is readable from when there is a new view until take().
    [[nodiscard]] int descriptor() const { return ready_; }
    /// The newest view; nullopt if it has already been taken.
    [[nodiscard]] std::optional<top_view> take();

private:
    void work(const std::stop_token& stop);
    [[nodiscard]] snapshot read();

    top_reader& reader_;
    std::chrono::milliseconds interval_;
    int ready_;
    std::mutex mutex_;
    std::condition_variable_any stopping_;
    std::optional<top_view> newest_;
    std::jthread worker_; ///< last, because it uses the other members
};

} // namespace ctms::cli
