// SPDX-License-Identifier: MPL-2.0
#include "attempt_limit.hpp"
#include "remembered_secrets.hpp"
#include "token_binding.hpp"

#include <auth/secrets.hpp>
#include <base/storable.hpp>
#include <ctms/service/tokens.hpp>
#include <persistence/clients/client_repository.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <new>

namespace ctms::service {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view client_namespace = "api_client";

/// Whether the database could contain this id. Others need no lookup.
bool may_be_client_id(const std::string& client_id) { return client_id.size() <= model::longest_client_id && is_storable(client_id); }

error bad_token(std::string_view why) { return unauthorized("Could not validate credentials", std::string(why)); }

result<void> check_client(const model::api_client& client, model::role wanted) {
    if (!client.enabled) return forbidden("API Client has been disabled", "Client disabled");
    if (!client.may(wanted)) return missing_role(fmt::format("Client lacks the role '{}'", to_string(wanted)), "Missing role");
    return {};
}

error refused(std::string_view why) { return malformed("Incorrect username or password", std::string(why)); }

error too_many_attempts() { return too_many("Too many failed attempts, try again in a minute", "Too many attempts"); }

} // namespace

struct tokens::known_client {
    persistence::client_access access;
    token_rules rules{access};
};

class tokens::known_secrets {
public:
    explicit known_secrets(int failures_per_minute) : limit(failures_per_minute) {}

    [[nodiscard]] auth::keyed_hash::digest of_secret(const std::string& client_id, const std::string& secret) const {
        return hash.of({"secret", client_id, secret});
    }
    /// The digest of a stored hash and its record. A record that is deleted and created again has another digest.
    [[nodiscard]] auth::keyed_hash::digest of_stored(const model::api_client& client, const std::string& hashed_secret) const {
        return hash.of({"stored", secret_version(client, hashed_secret)});
    }
    [[nodiscard]] attempt_limit::keys keys_of(const std::string& client_id, const std::string& address) const {
        return {hash.short_of({"pair", client_id, address}), hash.short_of({"address", address})};
    }

    const auth::keyed_hash hash;
    remembered_secrets remembered;
    attempt_limit limit;
};

/// A secret that waits to be hashed, with the client record to compare it with. The attempt is already counted in the limit.
class token_attempt {
public:
    using known_secrets = tokens::known_secrets;
    using known_client = tokens::known_client;

    token_attempt(std::shared_ptr<known_secrets> from, attempt_limit::keys whose, std::string client_id, std::string secret)
        : secrets_(std::move(from)), keys_(whose), client_id_(std::move(client_id)), secret_(std::move(secret)) {}
    ~token_attempt() {
        if (!failed_) secrets_->limit.give_back(keys_);
    }
    token_attempt(const token_attempt&) = delete;
    token_attempt& operator=(const token_attempt&) = delete;

    void compare_with(std::shared_ptr<const known_client> client) { client_ = std::move(client); }

    /// Returns the stored hash of client() that the secret matches, or the reason for the refusal.
    [[nodiscard]] result<const std::string*> hash() {
        if (!client_) {
            auth::verify_nothing(secret_);
            return fail("No client record");
        }
        const auto* matching = find_matching();
        if (!client_->access.client.enabled) return fail("Client disabled");
        if (matching == nullptr) return fail("Bad credentials");
        secrets_->remembered.add(secrets_->of_secret(client_id_, secret_), secrets_->of_stored(client_->access.client, *matching),
                                 steady_clock::now());
        return matching;
    }
    [[nodiscard]] const known_client& client() const { return *client_; } ///< only after hash() has succeeded

private:
    error fail(std::string_view why) {
        failed_ = true;
        return refused(why);
    }

    /// The stored hash that the secret matches, or null. A failure takes twice as long if the client has an old secret. That
    /// reveals that there is one, which is useless without knowing it.
    [[nodiscard]] const std::string* find_matching() const {
        const auto& [client, old_secrets, valid_from] = client_->access;
        if (auth::verify_secret(secret_, client.hashed_secret)) return &client.hashed_secret;
        // The database returned only secrets that are still valid by its own clock, which may differ from this one.
        const auto old = std::find_if(old_secrets.begin(), old_secrets.end(),
                                      [&](const auto& one) { return auth::verify_secret(secret_, one.hashed_secret); });
        return old == old_secrets.end() ? nullptr : &old->hashed_secret;
    }

    std::shared_ptr<known_secrets> secrets_;
    attempt_limit::keys keys_;
    std::string client_id_;
    std::string secret_;
    std::shared_ptr<const known_client> client_; ///< null if there is no such client
    bool failed_ = false;
};

tokens::tokens(persistence::database& db, const auth::token_signer& signer, token_options options)
    : db_(db), signer_(signer), options_(options), secrets_(std::make_shared<known_secrets>(options.failures_per_minute)) {}
tokens::~tokens() = default;

token_start tokens::begin(const std::string& client_id, const std::string& secret, const std::string& address, bool& client_exists) {
    if (client_id.empty() || secret.empty()) return {refused("No credentials"), nullptr};
    if (auto outcome = issue_remembered(client_id, secret, client_exists)) return {std::move(outcome), nullptr};
    const auto keys = secrets_->keys_of(client_id, address);
    if (!secrets_->limit.take(keys, steady_clock::now())) return {too_many_attempts(), nullptr};
    auto attempt = std::make_shared<token_attempt>(secrets_, keys, client_id, secret);
    auto client = find_client(client_id, false);
    if (!client) return {client.error(), nullptr};
    client_exists = *client != nullptr;
    attempt->compare_with(*std::move(client));
    return {std::nullopt, std::move(attempt)};
}

/// Issues a token for a remembered secret; nullopt if it is not remembered or the client's record has changed since.
std::optional<result<issued_token>> tokens::issue_remembered(const std::string& client_id, const std::string& secret, bool& client_exists) {
    const auto which = secrets_->of_secret(client_id, secret);
    const auto stored = secrets_->remembered.find(which, steady_clock::now());
    if (!stored) return std::nullopt;
    const auto client = find_client(client_id, false);
    if (!client) return client.error();
    if (*client != nullptr) {
        const auto& [record, old_secrets, valid_from] = (*client)->access;
        client_exists = true;
        std::vector<const std::string*> hashes{&record.hashed_secret};
        for (const auto& one : old_secrets) hashes.push_back(&one.hashed_secret);
        for (const auto* hashed : hashes) {
            if (!auth::equal_digests(*stored, secrets_->of_stored(record, *hashed))) continue;
            if (!record.enabled) return refused("Client disabled");
            return sign(**client, *hashed, options_.expiration);
        }
    }
    secrets_->remembered.forget(which);
    return std::nullopt;
}

result<issued_token> tokens::finish(token_attempt& attempt) {
    try {
        const auto hashed_secret = attempt.hash();
        if (!hashed_secret) return hashed_secret.error();
        return sign(attempt.client(), **hashed_secret, options_.expiration);
    } catch (const std::bad_alloc&) {
        return service_unavailable("not enough memory to verify a secret");
    }
}

result<issued_token> tokens::issue(const std::string& client_id, const std::string& secret, const std::string& address,
                                   bool& client_exists) {
    auto started = begin(client_id, secret, address, client_exists);
    return started.outcome ? *std::move(started.outcome) : finish(*started.attempt);
}

result<issued_token> tokens::grant(const std::string& client_id, std::optional<std::chrono::seconds> expiration) {
    const auto client = find_client(client_id, false);
    if (!client) return client.error();
    if (*client == nullptr) return not_found("Unknown client_id");
    if (!(*client)->access.client.enabled) return forbidden("API Client has been disabled", "Client disabled");
    return sign(**client, (*client)->access.client.hashed_secret, expiration.value_or(options_.expiration));
}

/// Creates a token that becomes invalid with `hashed_secret`, even if that is an old secret in its grace period.
issued_token tokens::sign(const known_client& client, const std::string& hashed_secret, std::chrono::seconds expiration) const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto subject = fmt::format("{}:{}", client_namespace, client.access.client.client_id);
    return {signer_.sign(subject, now + expiration, now, token_id_for(secret_version(client.access.client, hashed_secret))), expiration};
}

authentication tokens::authenticate(std::string_view token, model::role wanted) {
    const auto now = std::chrono::system_clock::now();
    auto claims = accepted(token);
    const bool is_known = claims != nullptr;
    if (!is_known) {
        if (auto read = signer_.verify(token, now)) claims = std::make_shared<const auth::token_claims>(*std::move(read));
    }
    if (!claims || !claims->is_valid_at(now)) {
        if (is_known) forget_accepted(token);
        authentication out;
        out.verdict = bad_token("No or bad token");
        return out;
    }
    auto out = check(token, *claims, wanted);
    // A client that may not make this call is known, too.
    const bool is_valid = out.verdict || out.verdict.error().code == errc::missing_role;
    if (is_valid && !is_known) remember_accepted(token, std::move(claims));
    if (!is_valid && is_known && out.verdict.error().code != errc::unavailable) forget_accepted(token);
    return out;
}

/// The claims of a token that was accepted before, which may have expired since; null for other tokens.
tokens::shared_claims tokens::accepted(std::string_view token) {
    const std::lock_guard lock(mutex_);
    const auto found = accepted_.find(token);
    return found == accepted_.end() ? nullptr : found->second;
}

void tokens::remember_accepted(std::string_view token, shared_claims claims) {
    constexpr std::size_t most_accepted = 4'000;
    constexpr std::size_t longest = 1024; // longer than those of /token
    if (token.size() > longest) return;
    const std::lock_guard lock(mutex_);
    if (accepted_.size() >= most_accepted) accepted_.clear();
    accepted_.emplace(token, std::move(claims));
}

void tokens::forget_accepted(std::string_view token) {
    const std::lock_guard lock(mutex_);
    const auto found = accepted_.find(token);
    if (found != accepted_.end()) accepted_.erase(found);
}

std::optional<recalled_client> tokens::recall(std::string_view token) {
    const auto now = steady_clock::now();
    const std::lock_guard lock(mutex_);
    const auto found = accepted_.find(token);
    if (found == accepted_.end()) return std::nullopt;
    const auto& client_id = found->second->subject;
    recalled_client out{client_id, std::nullopt};
    const auto record = cache_.find(client_id);
    if (record != cache_.end() && record->second.client && now - record->second.read_at < options_.client_cache_time)
        out.limits = record->second.client->access.client.limits;
    return out;
}

/// Decides about a token with a good signature.
authentication tokens::check(std::string_view token, const auth::token_claims& claims, model::role wanted) {
    authentication out;
    out.client_id = claims.subject;
    if (claims.name_space != client_namespace) {
        out.verdict = bad_token("Bad namespace");
        return out;
    }
    const auto revoked = [&](const auto& client) {
        return *client == nullptr || is_revoked(claims, (*client)->rules, options_.expiration);
    };
    auto client = find_client(out.client_id, true);
    // If a client has just got a new secret or a new record from any process, what is cached may be older than the token. Read it again
    // then.
    if (client && revoked(client) && !was_revoked(token)) {
        const auto before = steady_clock::now();
        client = find_client(out.client_id, false);
        if (client && revoked(client)) remember_revoked(token, before);
    }
    if (!client) {
        out.verdict = client.error();
    } else if (*client == nullptr) {
        out.verdict = bad_token("No client record");
    } else {
        out.client_exists = true;
        out.must_have_precondition = (*client)->access.client.must_have_precondition;
        out.limits = (*client)->access.client.limits;
        out.verdict = revoked(client) ? result<void>(bad_token("Token revoked")) : check_client((*client)->access.client, wanted);
    }
    return out;
}

/// Whether this token was already found revoked, or without a client, by a read of its client's record within the cache time, so that the
/// cached record is recent enough.
bool tokens::was_revoked(std::string_view token) {
    const auto key = secrets_->hash.short_of({"token", token});
    const std::lock_guard lock(mutex_);
    const auto found = revoked_.find(key);
    return found != revoked_.end() && steady_clock::now() - found->second < options_.client_cache_time;
}

void tokens::remember_revoked(std::string_view token, steady_clock::time_point read_at) {
    constexpr std::size_t most_revoked = 10'000;
    const auto key = secrets_->hash.short_of({"token", token});
    const std::lock_guard lock(mutex_);
    if (revoked_.size() >= most_revoked) revoked_.clear();
    revoked_[key] = read_at;
}

/// The record with this id, or null if there is none. `cached`: a recently read record is enough.
result<std::shared_ptr<const tokens::known_client>> tokens::find_client(const std::string& client_id, bool cached) {
    constexpr std::size_t most_cached = 10'000;
    if (!may_be_client_id(client_id)) return nullptr;
    const auto now = steady_clock::now();
    if (cached) {
        const std::lock_guard lock(mutex_);
        const auto found = cache_.find(client_id);
        if (found != cache_.end() && now - found->second.read_at < options_.client_cache_time) return found->second.client;
    }
    // If several threads miss the cache at the same time, each reads the record. That is rare and simpler than waiting for each other.
    auto read = persistence::client_repository(db_).find_access(client_id);
    if (!read && read.error().code != errc::not_found) return read.error();
    std::shared_ptr<const known_client> client;
    if (read) client = std::make_shared<const known_client>(known_client{*std::move(read)});
    // Does not cache what anybody can ask for: only ids from correctly signed tokens, and existing clients.
    if (!cached && !client) return client;
    const std::lock_guard lock(mutex_);
    if (cache_.size() >= most_cached) cache_.clear();
    cache_[client_id] = {client, now};
    return client;
}

} // namespace ctms::service
