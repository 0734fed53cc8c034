// SPDX-License-Identifier: MPL-2.0
// The attacked process: ctms-web on its own database, a well-behaved client that uses it meanwhile, and what must hold during
// and after every attack. A bystander runs on its own thread; nothing else here is thread safe.
// Throws std::runtime_error when the server does not start.
#pragma once

#include <support/server_process.hpp>
#include <support/test_database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::test {

/// Sanitizers use extra memory and time: with them there are no memory bounds, and the time limits are longer.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
constexpr int slowness = 10;
#else
constexpr bool sanitized = false;
constexpr int slowness = 1;
#endif

class target {
public:
    static constexpr auto client = "id_bystander";            ///< has all permissions
    static constexpr auto reader = "id_reader";               ///< has only the role `read`
    static constexpr auto secret = "secret_of_the_bystander"; ///< of both clients, hashed at full cost

    /// `variables`: additional settings, "NAME=value".
    explicit target(const std::vector<std::string>& variables = {});

    [[nodiscard]] std::uint16_t port() const { return server_->port(); }
    [[nodiscard]] server_process& process() { return *server_; }
    [[nodiscard]] const test_database& database() const { return database_; }
    /// The value of an Authorization header with a valid token.
    [[nodiscard]] static std::string bearer(const std::string& client_id = client);
    /// The text of a request with that token and a JSON body.
    [[nodiscard]] static std::string request(std::string_view method, std::string_view path, std::string_view json = {});
    /// The email_id of a stored contact.
    [[nodiscard]] static std::string contact();

    [[nodiscard]] std::size_t rss_mib() const;       ///< current resident memory
    [[nodiscard]] std::size_t peak_rss_mib() const;  ///< the maximum since the start
    [[nodiscard]] std::size_t address_space() const; ///< in bytes
    [[nodiscard]] std::size_t descriptors() const;
    [[nodiscard]] std::size_t log_bytes() const;
    /// CPU time used so far by all threads, user and system.
    [[nodiscard]] std::chrono::milliseconds cpu_time() const;
    /// Sets a resource limit of the running process (RLIMIT_AS, RLIMIT_NOFILE), which it cannot raise.
    void limit(int resource, std::size_t value) const;
    [[nodiscard]] bool is_alive() { return server_->wait(std::chrono::milliseconds(0)) == -1; }

private:
    test_database database_;
    std::unique_ptr<server_process> server_;
};

/// A well-behaved client. It reads and changes a contact on a persistent connection and requests /__lbheartbeat__ on new ones,
/// in turn, with pauses of a few milliseconds.
class bystander {
public:
    struct report {
        int answered = 0;
        int again = 0; ///< requests that were resent because the server had closed the persistent connection
        std::vector<std::string> failures;
        std::chrono::milliseconds p99{0};
        std::chrono::milliseconds worst{0};
    };

    explicit bystander(std::uint16_t port, std::string from = "127.0.0.77");
    ~bystander();
    bystander(const bystander&) = delete;
    bystander& operator=(const bystander&) = delete;

    [[nodiscard]] int answered() const { return answered_; }
    /// True when it gets `count` more answers before `limit`.
    [[nodiscard]] bool gets(int count, std::chrono::milliseconds limit = std::chrono::seconds(20) * slowness) const;
    /// Stops the client and returns its report.
    [[nodiscard]] report stop();

private:
    void run();
    void note(std::chrono::steady_clock::time_point sent, int status, const std::string& problem, const char* what);

    std::uint16_t port_;
    std::string from_;
    std::atomic<bool> stopped_ = false;
    std::atomic<int> answered_ = 0;
    report report_;
    std::vector<std::chrono::milliseconds> times_;
    std::jthread thread_;
};

/// What must hold in every attack.
struct expectation {
    std::size_t peak_rss_mib = 256;                ///< at any time
    std::size_t rss_after_mib = 128;               ///< soon after the attack
    std::chrono::milliseconds p99{5'000};          ///< of the bystander; a few ms on an idle machine
    std::chrono::milliseconds stops_within{5'000}; ///< after SIGTERM, when the attacker is gone
};

/// Runs `attack` on a server while a bystander uses it. Checks that the server survives, that every request of the bystander was
/// answered in time, that memory was bounded and was released, that the server answers quickly after the attack, and that
/// SIGTERM then ends it with exit code 0.
void survives(const std::function<void(target&)>& attack, const expectation& expected = {}, const std::vector<std::string>& variables = {});

/// Checks that every request was answered with 200.
void check_all_served(const bystander::report& served);

/// Only the checks, for an attack that needs its own setup.
void check_held(target& server, bystander& others, const expectation& expected = {});

} // namespace ctms::test
