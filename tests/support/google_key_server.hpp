// SPDX-License-Identifier: MPL-2.0
// A fake key server and a fake clock, and a token verifier that uses both. The server and the clock are thread safe.
#pragma once

#include <ctms/auth/google_id_token.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::test {

class fake_key_server {
public:
    /// Sets the answer from now on.
    void serve(std::string body, std::chrono::seconds max_age = std::chrono::hours(1)) {
        const std::lock_guard lock(mutex_);
        document_ = {std::move(body), max_age};
        is_down_ = false;
    }
    void go_down() {
        const std::lock_guard lock(mutex_);
        is_down_ = true;
    }
    /// Sets a function that runs inside each fetch that begins from now on.
    void while_fetching(std::function<void()> action) {
        const std::lock_guard lock(mutex_);
        action_ = std::move(action);
    }
    [[nodiscard]] int fetches() const { return fetches_; }

    result<auth::key_document> fetch() {
        ++fetches_;
        std::unique_lock lock(mutex_);
        const auto action = action_;
        lock.unlock();
        if (action) action();
        lock.lock();
        if (is_down_) return unavailable("", "cannot connect");
        return document_;
    }

private:
    std::atomic<int> fetches_{0};
    std::mutex mutex_;
    auth::key_document document_;
    bool is_down_ = false;
    std::function<void()> action_;
};

/// Makes the fetches of a server wait until release(), 10 seconds at the most. For one fetch.
class held_fetch {
public:
    explicit held_fetch(fake_key_server& server) {
        server.while_fetching([this] {
            begun_.set_value();
            was_released_ = released_.get_future().wait_for(patience) == std::future_status::ready;
        });
    }

    /// True as soon as a fetch waits; false if none came in time.
    [[nodiscard]] bool begins() { return begun_.get_future().wait_for(patience) == std::future_status::ready; }
    void release() { released_.set_value(); }
    /// Whether release() came in time. After the fetch has ended.
    [[nodiscard]] bool was_released() const { return was_released_; }

private:
    static constexpr std::chrono::seconds patience{10};
    std::promise<void> begun_;
    std::promise<void> released_;
    std::atomic<bool> was_released_ = false;
};

class moved_clock {
public:
    void move(std::chrono::seconds by) { seconds_ += by.count(); }
    [[nodiscard]] std::int64_t seconds() const { return seconds_; }
    [[nodiscard]] std::chrono::system_clock::time_point now() const {
        return std::chrono::system_clock::time_point(std::chrono::seconds(seconds_));
    }

private:
    std::atomic<std::int64_t> seconds_{1'700'000'000};
};

struct verifier_setting {
    static constexpr auto audience = "https://ctms.example.com";

    fake_key_server server;
    moved_clock clock;
    auth::google_token_verifier verifier{[this] { return server.fetch(); }, audience, [this] { return clock.now(); }};

    /// Returns "" for a valid token, or what is wrong: "Unknown key", "Google authentication failure", "unavailable".
    std::string problem(std::string_view token) {
        const auto outcome = verifier.verify(token);
        if (outcome.has_value()) return "";
        return outcome.error().code == errc::unauthorized ? outcome.error().detail : std::string(to_string(outcome.error().code));
    }
};

} // namespace ctms::test
