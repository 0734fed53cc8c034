// SPDX-License-Identifier: MPL-2.0
// Clients that write continuously while a test disturbs the server, and remember what it acknowledged.
#pragma once

#include <support/http_client.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ctms::test {

/// A write that the server acknowledged.
struct acknowledged {
    std::string email_id;
    std::string newsletter; ///< "" for the creation of the contact
};

class load {
public:
    /// `clients` threads, each with its own connection, which it reopens when it ends. `authorization`: a header.
    load(std::uint16_t port, std::pair<std::string, std::string> authorization, int clients);
    ~load() { stop(); }
    load(const load&) = delete;
    load& operator=(const load&) = delete;

    void stop();

    /// Call only after stop().
    [[nodiscard]] const std::vector<acknowledged>& writes() const { return writes_; }
    /// The number of answers so far that were neither success nor 503.
    [[nodiscard]] int unexpected() const { return unexpected_; }
    [[nodiscard]] int answered() const { return answered_; }
    [[nodiscard]] int unavailable() const { return unavailable_; }
    /// The number of requests that were sent on an open connection and got no answer.
    [[nodiscard]] int lost() const { return lost_; }

private:
    void run();
    void run_connection(http_connection& connection);
    bool write(http_connection& connection, const acknowledged& wanted);

    std::uint16_t port_;
    std::pair<std::string, std::string> authorization_;
    std::atomic<bool> stopped_ = false;
    std::atomic<int> answered_ = 0;
    std::atomic<int> unavailable_ = 0;
    std::atomic<int> unexpected_ = 0;
    std::atomic<int> lost_ = 0;
    std::mutex mutex_;
    std::vector<acknowledged> writes_;
    std::vector<std::jthread> threads_;
};

} // namespace ctms::test
