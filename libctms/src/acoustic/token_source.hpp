// SPDX-License-Identifier: MPL-2.0
// The access token of the vendor's API: fetched when it is needed, and shared by all calls until shortly before it expires.
// One caller fetches it while the others wait for the result. After a failure the vendor is not asked again for a
// while, which gets longer with each failure. Thread safe.
#pragma once

#include <ctms/net/http_client.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace ctms::acoustic {

/// A token, or why there is none.
struct token_answer {
    std::string token;   ///< "" if there is none
    std::string problem; ///< "no token: ...", for operators
};

class token_source {
public:
    using clock = std::chrono::steady_clock;
    /// Asks the vendor for a token; must return within a limited time.
    using fetch_function = std::function<net::http_outcome()>;
    using now_function = std::function<clock::time_point()>;

    explicit token_source(fetch_function fetch, now_function now = clock::now);

    /// Returns the token, and fetches a new one if necessary. Waits at most as long as a fetch takes.
    [[nodiscard]] token_answer get();

    /// Call this if the vendor no longer accepts the token. The next get() fetches a new one, unless that has already happened.
    void drop(std::string_view token);

private:
    struct grant {
        std::string token;
        std::chrono::seconds life{};
        std::string problem;
    };
    [[nodiscard]] static grant read_grant(const net::http_outcome& from);
    void fetch_and_note(std::unique_lock<std::mutex>& lock);
    void note(grant fetched);
    [[nodiscard]] bool has_token() const { return !token_.empty() && now_() < valid_until_; }

    fetch_function fetch_;
    now_function now_;
    std::mutex mutex_;
    std::condition_variable fetched_;
    bool fetching_ = false;
    std::string token_;
    clock::time_point valid_until_;
    int failures_ = 0; ///< consecutive failures
    clock::time_point retry_at_;
    std::string problem_; ///< of the last failure
};

} // namespace ctms::acoustic
