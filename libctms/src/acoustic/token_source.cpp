// SPDX-License-Identifier: MPL-2.0
#include "token_source.hpp"

#include "json/document.hpp"

#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <utility>
#include <variant>

namespace ctms::acoustic {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The vendor's tokens are valid for four hours, which is assumed if the response does not say; a refused token is replaced earlier.
constexpr seconds usual_life{4 * 3600};
constexpr seconds longest_life{24 * 3600};
constexpr seconds early{300};
constexpr milliseconds longest_wait{60'000};

/// One to two seconds after the first failure, 30 to 60 from the sixth on. Random, so that processes do not retry together.
milliseconds wait_after(int failures) {
    const auto most = std::min(milliseconds(1000 << std::min(failures, 10)), longest_wait);
    thread_local std::minstd_rand random{std::random_device{}()};
    return milliseconds(std::uniform_int_distribution<milliseconds::rep>(most.count() / 2, most.count())(random));
}

/// Whether the text can be sent as a token in a header.
bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

seconds life_of(const json::node* expires_in) {
    if (expires_in == nullptr) return usual_life;
    seconds::rep life = 0;
    const auto [end, problem] = std::from_chars(expires_in->text.data(), expires_in->text.data() + expires_in->text.size(), life);
    if (problem != std::errc()) return usual_life;
    return std::clamp(seconds(life), seconds(0), longest_life);
}

} // namespace

token_source::token_source(fetch_function fetch, now_function now) : fetch_(std::move(fetch)), now_(std::move(now)) {}

token_answer token_source::get() {
    std::unique_lock lock(mutex_);
    if (!has_token()) {
        if (fetching_) {
            if (!fetched_.wait_for(lock, longest_wait, [&] { return !fetching_; })) return {{}, "no token: the request takes too long"};
        } else if (now_() >= retry_at_) {
            fetch_and_note(lock);
        }
    }
    if (has_token()) return {token_, {}};
    return {{}, problem_};
}

void token_source::drop(std::string_view token) {
    const std::lock_guard lock(mutex_);
    if (token_ == token) token_.clear();
}

void token_source::fetch_and_note(std::unique_lock<std::mutex>& lock) {
    fetching_ = true;
    grant fetched{{}, {}, "no token: out of memory"};
    lock.unlock();
    try {
        fetched = read_grant(fetch_());
    } catch (...) {
        lock.lock();
        note(std::move(fetched));
        throw;
    }
    lock.lock();
    note(std::move(fetched));
}

/// Stores the token or the failure for all waiting callers.
void token_source::note(grant fetched) {
    fetching_ = false;
    fetched_.notify_all();
    token_ = std::move(fetched.token);
    problem_ = std::move(fetched.problem);
    if (token_.empty()) {
        retry_at_ = now_() + wait_after(++failures_);
        return;
    }
    failures_ = 0;
    const milliseconds life = fetched.life;
    valid_until_ = now_() + life - std::min<milliseconds>(early, life / 2);
}

token_source::grant token_source::read_grant(const net::http_outcome& from) {
    if (!from) return {{}, {}, "no token: " + from.error().detail};
    const auto status = from->status;
    if (status == 400 || status == 401) return {{}, {}, fmt::format("no token: the credentials were refused (HTTP {})", status)};
    if (status != 200) return {{}, {}, fmt::format("no token: HTTP {}", status)};
    grant unreadable{{}, {}, "no token: the response does not contain one"};
    if (!is_valid_utf8(from->body)) return unreadable;
    const auto parsed = json::document::parse(from->body, {});
    const auto* document = std::get_if<json::document>(&parsed);
    if (document == nullptr || document->root().type != json::kind::object) return unreadable;
    const auto* token = document->root().member("access_token");
    if (token == nullptr || token->type != json::kind::string || !is_token(token->text)) return unreadable;
    return {std::string(token->text), life_of(document->root().member("expires_in")), {}};
}

} // namespace ctms::acoustic
