// SPDX-License-Identifier: MPL-2.0
// Access tokens: issues them to API clients in exchange for their secret, and finds the client of a token. Thread safe. finish() and
// issue() take about 0.1 s of CPU and 64 MiB (Argon2id): call them on threads that do nothing else. In every error, `message` is for the
// client and `detail` is the reason for the log.
#pragma once

#include <ctms/auth/access_token.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ctms::persistence {
class database;
}

namespace ctms::service {

class token_attempt; // private: src/service/tokens.cpp
struct token_rules;  // private: src/service/token_binding.hpp

/// A token that was issued.
struct CTMS_API issued_token {
    std::string access_token;          ///< signed, see auth::token_signer
    std::chrono::seconds expires_in{}; ///< its lifetime
};

/// The result of tokens::begin(), which hashes nothing: an outcome, or an attempt that tokens::finish() has to hash.
struct CTMS_API token_start {
    std::optional<result<issued_token>> outcome; ///< set if it is already decided
    std::shared_ptr<token_attempt> attempt;      ///< set otherwise; an attempt that is dropped does not count as a failure
};

/// The client that sent a request, as far as it is known.
struct CTMS_API authentication {
    std::string client_id;               ///< "" if unknown; may be an id that does not exist
    bool client_exists = false;          ///< the client exists (it may be disabled)
    result<void> verdict;                ///< errc::unauthorized, errc::forbidden (disabled), errc::missing_role, errc::unavailable
    bool must_have_precondition = false; ///< the client must send a precondition with writes (model::api_client)
    model::client_limits limits{};       ///< of the client, if it exists
};

/// The client of a token, as far as it is known without a check of the token.
struct CTMS_API recalled_client {
    std::string client_id;                      ///< the token was accepted as one of this client
    std::optional<model::client_limits> limits; ///< of the client; nullopt if its record would have to be read
};

/// Lifetime of tokens, and caching of clients.
struct CTMS_API token_options {
    std::chrono::seconds expiration{3600}; ///< of an access token
    /// How long a client's record is cached; changes take effect within this time.
    std::chrono::milliseconds client_cache_time{4000};
    /// Failed attempts per minute that one client may make from one address. An address may make twice as many with all its clients. 0
    /// means no limit.
    int failures_per_minute = 100;
};

/// Issues tokens to clients, and checks tokens.
class CTMS_API tokens {
public:
    /// The first two arguments must outlive it.
    tokens(persistence::database& db, const auth::token_signer& signer, token_options options);
    ~tokens();
    tokens(const tokens&) = delete;
    tokens& operator=(const tokens&) = delete;

    /// The first step of issue(), which hashes nothing. It takes microseconds, plus a database query if the client's record is needed. A
    /// secret that was correct and used in the last ten minutes gets its token here, even while the limit is reached for others,
    /// unless the record has changed since. Other attempts are counted now, before hashing, for `address` and for the pair of client and
    /// address: errc::too_many if the limit is reached. `address` may stand for a network.
    [[nodiscard]] token_start begin(const std::string& client_id, const std::string& secret, const std::string& address,
                                    bool& client_exists);

    /// The second step: hashes the secret. Call it once per attempt. If no token is issued, the attempt counts as failed.
    [[nodiscard]] result<issued_token> finish(token_attempt& attempt);

    /// Issues a token if the secret of the client is correct, or if it is an old secret that is still valid; does begin() and finish() in
    /// one. Otherwise returns errc::malformed ("Incorrect username or password"), whose `detail` is `No credentials`, `No client record`,
    /// `Client disabled` or `Bad credentials`. Returns errc::too_many (`detail` is `Too many attempts`) as described for begin(), and
    /// errc::unavailable if the database or the memory for hashing is not available. `client_exists` is set as soon as it is known.
    [[nodiscard]] result<issued_token> issue(const std::string& client_id, const std::string& secret, const std::string& address,
                                             bool& client_exists);

    /// Issues a token without the client's secret, for operators who have the signing key. It expires after `expiration` or, without it,
    /// like tokens of issue(). errc::not_found, errc::forbidden (disabled), errc::unavailable.
    [[nodiscard]] result<issued_token> grant(const std::string& client_id, std::optional<std::chrono::seconds> expiration = std::nullopt);

    /// Checks a bearer token, and that its client has the role `wanted`. Refuses tokens of a secret that was replaced and whose grace
    /// period is over, and tokens of a deleted record ("Token revoked" in the log). Refuses tokens of a client while it is disabled. Reads
    /// the client's record, with its roles, at most once per `client_cache_time`, and once more in that time for each token that it finds
    /// revoked or without a client. Checks the signature of a token that it accepted before only if it has forgotten it.
    [[nodiscard]] authentication authenticate(std::string_view token, model::role wanted);

    /// Returns the client of a token that authenticate() accepted the last time, if it is still remembered. Takes a microsecond: it neither
    /// checks the token nor uses the database. Use it to sort and limit requests, never to allow them.
    [[nodiscard]] std::optional<recalled_client> recall(std::string_view token);

private:
    friend class token_attempt;
    struct known_client; ///< a record with the rules for its tokens
    class known_secrets; ///< remembered secrets and counted attempts
    struct cached_client {
        std::shared_ptr<const known_client> client; ///< null if it does not exist
        std::chrono::steady_clock::time_point read_at;
    };
    [[nodiscard]] result<std::shared_ptr<const known_client>> find_client(const std::string& client_id, bool cached);
    using shared_claims = std::shared_ptr<const auth::token_claims>;
    struct token_hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    [[nodiscard]] authentication check(std::string_view token, const auth::token_claims& claims, model::role wanted);
    [[nodiscard]] shared_claims accepted(std::string_view token);
    void remember_accepted(std::string_view token, shared_claims claims);
    void forget_accepted(std::string_view token);
    [[nodiscard]] bool was_revoked(std::string_view token);
    void remember_revoked(std::string_view token, std::chrono::steady_clock::time_point read_at);
    [[nodiscard]] std::optional<result<issued_token>> issue_remembered(const std::string& client_id, const std::string& secret,
                                                                       bool& client_exists);
    [[nodiscard]] issued_token sign(const known_client& client, const std::string& hashed_secret, std::chrono::seconds expiration) const;

    persistence::database& db_;
    const auth::token_signer& signer_;
    token_options options_;
    std::shared_ptr<known_secrets> secrets_; ///< shared with attempts, which may outlive it
    std::mutex mutex_;
    std::unordered_map<std::string, cached_client> cache_;
    std::unordered_map<std::string, shared_claims, token_hash, std::equal_to<>> accepted_; ///< of accepted tokens, whose signature is good
    std::unordered_map<std::uint64_t, std::chrono::steady_clock::time_point> revoked_;     ///< of revoked tokens: when the record was read
};

} // namespace ctms::service
