// SPDX-License-Identifier: MPL-2.0
#include "sentry.hpp"

#include "list_items.hpp"

#include <ctms/base/uuid.hpp>
#include <ctms/base/version.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

namespace ctms::support {
namespace {

using namespace std::chrono_literals;

constexpr auto timeout = 2s; // of a call
constexpr std::size_t longest_answer = 64 * 1024;
constexpr auto longest_pause = 1h; // whatever the server asks for

std::string new_event_id() {
    auto id = uuid::random().to_string();
    std::erase(id, '-');
    return id;
}

std::optional<std::chrono::seconds> parse_seconds(std::string_view text) {
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed != std::errc{} || end == text.data() || seconds < 0) return std::nullopt;
    return std::min<std::chrono::seconds>(std::chrono::seconds(seconds), longest_pause);
}

/// The longest pause for errors in X-Sentry-Rate-Limits, "60:error;transaction:organization, 2700:default:key"
/// (https://develop.sentry.dev/sdk/foundations/transport/rate-limiting/). No category means all of them.
std::chrono::seconds pause_in(std::string_view limits) {
    std::chrono::seconds out{0};
    while (!limits.empty()) {
        auto limit = next_item(limits, ',');
        const auto seconds = parse_seconds(next_item(limit, ':'));
        auto categories = next_item(limit, ':');
        bool concerns_errors = categories.empty();
        while (!categories.empty()) {
            if (next_item(categories, ';') == "error") concerns_errors = true;
        }
        if (seconds && concerns_errors) out = std::max(out, *seconds);
    }
    return out;
}

} // namespace

sentry::sentry(const config::sentry_dsn& dsn, sentry_origin from, std::function<void(std::string_view)> failed, sentry_limits limits)
    : client_(dsn.url, {.timeout = timeout, .most_idle = 1, .longest_body = longest_answer}),
      target_("/api/" + dsn.project + "/envelope/"),
      authentication_(fmt::format("Sentry sentry_version=7, sentry_client=ctms/{}, sentry_key={}", version(), dsn.key)),
      from_(std::move(from)),
      failed_(std::move(failed)),
      limits_(limits),
      wait_(limits.first_wait),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

sentry::~sentry() { stop(); }

void sentry::stop() noexcept {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        end_ = clock::now() + limits_.last_attempts;
    }
    thread_.request_stop();
    thread_.join();
}

bool sentry::may_take() {
    const auto now = clock::now();
    if (now - minute_ >= 1min) {
        minute_ = now;
        in_minute_ = 0;
    }
    return end_ == clock::time_point::max() && waiting_.size() < limits_.waiting && in_minute_ < limits_.per_minute;
}

void sentry::report(const mozlog::record& line) noexcept {
    const std::lock_guard lock(mutex_);
    try {
        if (may_take()) {
            waiting_.push_back(sentry_envelope(line, from_, new_event_id(), left_out_));
            left_out_ = 0;
            ++in_minute_;
            changed_.notify_all();
            return;
        }
    } catch (const std::exception&) { // not enough memory
    }
    ++left_out_;
}

void sentry::run(const std::stop_token& stop) {
    using enum attempt::outcome;
    int failures = 0; // of the server, for the first event
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
        if (waiting_.empty() || clock::now() >= end_) return;
        auto& envelope = waiting_.front(); // report() does not move it
        lock.unlock();
        const auto result = send(envelope);
        lock.lock();
        if (result.what == failed_there) ++failures;
        const bool is_hopeless = failures >= limits_.attempts;
        if (is_hopeless) ++left_out_;
        if (result.what == done || is_hopeless) {
            waiting_.pop_front();
            failures = 0;
        }
        if (result.pause == 0ms) continue;
        changed_.wait_for(lock, stop, result.pause, [] { return false; });
        if (stop.stop_requested()) return; // the server asked for the pause, or does not answer
    }
}

sentry::attempt sentry::send(const std::string& envelope) noexcept {
    try {
        const auto answer =
            client_.send({.method = "POST",
                          .target = target_,
                          .headers = {{"Content-Type", "application/x-sentry-envelope"}, {"X-Sentry-Auth", authentication_}},
                          .body = envelope});
        if (answer && answer->status / 100 != 5) return answered(*answer);
        note_failure(answer ? fmt::format("it answered {}", answer->status) : answer.error().detail);
        if (answer) return {.what = attempt::outcome::failed_there, .pause = next_wait()};
    } catch (const std::exception&) { // not enough memory
    }
    return {.what = attempt::outcome::unanswered, .pause = next_wait()};
}

sentry::attempt sentry::answered(const net::http_response& answer) {
    wait_ = limits_.first_wait;
    auto pause = pause_in(answer.header("x-sentry-rate-limits"));
    if (answer.status == 429 && pause == 0s) pause = parse_seconds(answer.header("retry-after")).value_or(60s);
    if (answer.status / 100 == 2) {
        is_failing_ = false;
    } else {
        note_failure(fmt::format("it answered {}", answer.status));
    }
    return {.pause = pause};
}

std::chrono::milliseconds sentry::next_wait() noexcept { return std::exchange(wait_, std::min(wait_ * 2, limits_.longest_wait)); }

void sentry::note_failure(std::string_view reason) {
    if (!std::exchange(is_failing_, true)) failed_(reason);
}

} // namespace ctms::support
