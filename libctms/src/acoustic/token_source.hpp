// SPDX-License-Identifier: MPL-2.0
// The access token of the vendor's API: fetched when it is needed, shared by all calls until shortly before its end.
// One caller fetches at a time and the others wait for what it gets. After a failure nobody asks the vendor again for a
// while, longer with each. Thread safe.
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
    std::string token;   ///< "" without one
    std::string problem; ///< "no token: ...", for operators
};

class token_source {
public:
    using clock = std::chrono::steady_clock;
    /// Asks the vendor; must return before long.
    using fetch_function = std::function<net::http_outcome()>;
    using now_function = std::function<clock::time_point()>;

    explicit token_source(fetch_function fetch, now_function now = clock::now);

    /// The token, or a new one, waiting for it at most as long as fetching takes.
    [[nodiscard]] token_answer get();

    /// The vendor does not know this token any more: the next get() fetches another, unless that has happened already.
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
    int failures_ = 0; ///< in a row
    clock::time_point retry_at_;
    std::string problem_; ///< of the last failure
};

} // namespace ctms::acoustic
