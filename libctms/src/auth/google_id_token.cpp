// SPDX-License-Identifier: MPL-2.0
#include <ctms/auth/google_id_token.hpp>

#include "base/base64.hpp"
#include "google_keys.hpp"
#include "jwt.hpp"
#include "json/document.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

namespace ctms::auth {
namespace {

using namespace std::chrono_literals;
using time_point = std::chrono::system_clock::time_point;

constexpr std::chrono::seconds shortest_life = 1min;
constexpr std::chrono::seconds longest_life = 24h;
constexpr std::chrono::seconds pause_with_keys = 1min;
constexpr std::chrono::seconds pause_without_keys = 5s;
constexpr std::chrono::seconds longest_wait = 30s; // for another thread's fetch, which takes at most five seconds
// The most threads that may wait for an unknown key while other keys are known; the rest must serve those.
constexpr std::size_t most_waiting = 1;
constexpr double skew = 10;
constexpr std::size_t most_claims = 50;

error refused(std::string why) { return unauthorized("Could not validate credentials", std::move(why)); }
error unknown_key() { return refused("Unknown key"); }
error bad_token() { return refused("Google authentication failure"); }
/// The keys of the last good document. One thread at a time fetches a new document, without holding the lock. Threads that
/// need it wait; threads with a known key do not.
class key_cache {
public:
    key_cache(key_source source, google_token_verifier::clock_function clock) : source_(std::move(source)), clock_(std::move(clock)) {}

    /// Returns the key with this id, or the reason why there is none.
    result<public_key> find(std::string_view id) {
        std::unique_lock lock(mutex_);
        time_point now = clock_();
        if (needs_fetch(id, now)) {
            if (is_fetching_ && has_keys(now) && !keys_->contains(id) && waiting_ >= most_waiting)
                return service_unavailable("keys of Google are being fetched");
            fetch_or_wait(lock, id, now);
            now = clock_(); // the fetch may have taken seconds
        }
        if (!has_keys(now)) return service_unavailable(failure_);
        const auto found = keys_->find(id);
        if (found == keys_->end()) return unknown_key();
        return found->second;
    }

private:
    // If the clock was set back, the age is negative: the keys may be used and are fetched again.
    bool has_keys(time_point now) const { return keys_ && now - fetched_ < longest_life; }
    bool is_fresh(time_point now) const { return keys_ && now >= fetched_ && now - fetched_ < life_; }
    bool needs_fetch(std::string_view id, time_point now) const { return !is_fresh(now) || !keys_->contains(id); }

    bool may_fetch(time_point now) const {
        if (!tried_) return true;
        const auto pause = has_keys(now) ? pause_with_keys : pause_without_keys;
        return now < *tried_ || now - *tried_ >= pause;
    }

    // At most one fetch or one wait per token; because of the pauses a second one would be useless. A known key that is only due
    // for a refresh is used while another thread fetches it.
    void fetch_or_wait(std::unique_lock<std::mutex>& lock, std::string_view id, time_point now) {
        if (is_fetching_) {
            if (has_keys(now) && keys_->contains(id)) return;
            const auto seen = fetches_;
            ++waiting_;
            done_.wait_for(lock, longest_wait, [&] { return fetches_ != seen; });
            --waiting_;
        } else if (may_fetch(now)) {
            fetch(lock);
        }
    }

    void fetch(std::unique_lock<std::mutex>& lock) {
        is_fetching_ = true;
        lock.unlock();
        fetched_document fetched;
        try {
            fetched = read_document();
        } catch (...) {
            lock.lock();
            finish({});
            throw;
        }
        lock.lock();
        finish(std::move(fetched));
    }

    struct fetched_document {
        std::shared_ptr<const key_map> keys; ///< null after a failure
        std::chrono::seconds life{0};
        std::string failure = "no keys of Google";
    };

    fetched_document read_document() const {
        fetched_document out;
        const result<key_document> document = source_();
        if (document.has_error()) {
            out.failure = "no keys of Google: " + document.error().detail;
            return out;
        }
        auto keys = read_keys(document->body);
        if (!keys) {
            out.failure = "no keys of Google: the key document contains no usable key";
            return out;
        }
        out.keys = std::make_shared<const key_map>(*std::move(keys));
        out.life = std::clamp(document->max_age, shortest_life, longest_life);
        return out;
    }

    // The pauses begin when a fetch ends, so that a slow fetch is not immediately followed by the next.
    void finish(fetched_document fetched) {
        const time_point now = clock_();
        tried_ = now;
        if (fetched.keys) {
            keys_ = std::move(fetched.keys);
            fetched_ = now;
            life_ = fetched.life;
        }
        failure_ = std::move(fetched.failure);
        is_fetching_ = false;
        ++fetches_;
        done_.notify_all();
    }

    const key_source source_;
    const google_token_verifier::clock_function clock_;
    std::mutex mutex_;
    std::condition_variable done_;
    bool is_fetching_ = false;
    std::uint64_t fetches_ = 0; ///< fetches that have ended
    std::size_t waiting_ = 0;   ///< threads that wait for another thread's fetch
    std::shared_ptr<const key_map> keys_;
    time_point fetched_{};
    std::chrono::seconds life_{0};
    std::optional<time_point> tried_; ///< when the last fetch ended, successfully or not
    std::string failure_ = "no keys of Google";
};

bool is_acceptable(const json::node& claims, std::string_view audience, double now) {
    for (const std::string_view name : {"exp", "iat", "nbf", "iss", "aud", "email", "email_verified"}) {
        if (repeats(claims, name)) return false;
    }
    const json::node* issued = claims.member("iat");
    const auto when = issued == nullptr ? std::nullopt : numeric_date(*issued);
    if (!when || *when > now + skew || !is_timely(claims, true, now, skew)) return false;
    const auto issuer = only_string(claims, "iss");
    if (issuer != "accounts.google.com" && issuer != "https://accounts.google.com") return false;
    const json::node* email = claims.member("email");
    return only_string(claims, "aud") == audience && (email == nullptr || email->type == json::kind::string);
}

google_claims take_claims(const json::node& claims) {
    google_claims out;
    if (const auto email = only_string(claims, "email")) out.email = *email;
    const json::node* verified = claims.member("email_verified");
    out.email_verified = verified != nullptr && verified->type == json::kind::boolean && verified->truth;
    for (const auto* claim = claims.first; claim != nullptr && out.all.size() < most_claims; claim = claim->next) {
        const auto is_same = [&](const auto& taken) { return taken.first == claim->key; };
        if (std::any_of(out.all.begin(), out.all.end(), is_same)) continue;
        json::write(out.all.emplace_back(claim->key, "").second, *claims.member(claim->key));
    }
    return out;
}

} // namespace

class google_token_verifier::impl {
public:
    impl(key_source source, std::string audience, clock_function clock)
        : clock_(clock), keys_(std::move(source), std::move(clock)), audience_(std::move(audience)) {}

    result<google_claims> verify(std::string_view token) {
        const auto segments = split_token(token);
        const auto header = segments ? read_object(segments->header) : std::nullopt;
        const auto id = header ? only_string(header->root(), "kid") : std::nullopt;
        if (!id) return unknown_key();
        const auto key = keys_.find(*id);
        if (key.has_error()) return key.error();
        if (!asks_for(header->root(), "RS256") || !is_signed(*segments, **key)) return bad_token();
        const auto claims = read_object(segments->claims);
        if (!claims || !is_acceptable(claims->root(), audience_, unix_seconds(clock_()))) return bad_token();
        return take_claims(claims->root());
    }

private:
    static bool is_signed(const token_segments& token, EVP_PKEY& key) {
        const auto signature = base64url_decode(token.signature);
        return signature && is_signed_by(key, token.signed_part, *signature);
    }

    const clock_function clock_;
    key_cache keys_;
    const std::string audience_;
};

google_token_verifier::google_token_verifier(key_source source, std::string audience, clock_function clock)
    : impl_(std::make_unique<impl>(std::move(source), std::move(audience), std::move(clock))) {}

google_token_verifier::~google_token_verifier() = default;

result<google_claims> google_token_verifier::verify(std::string_view token) { return impl_->verify(token); }

} // namespace ctms::auth
