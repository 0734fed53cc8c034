// SPDX-License-Identifier: MPL-2.0
// Access tokens: giving them to API clients for their secret, and telling who a token belongs to.
// Thread safe. finish() and issue() take about 0.1 s of CPU and 64 MiB (Argon2id): call them on threads that serve nothing else.
// In every error, `message` is for the client and `detail` is the reason for the log.
#pragma once

#include <ctms/auth/access_token.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/persistence/clients.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ctms::service {

class token_attempt; // private: src/service/tokens.cpp
struct token_rules;  // private: src/service/token_binding.hpp

/// What a client gets for its secret.
struct CTMS_API issued_token {
    std::string access_token;          ///< signed, see auth::token_signer
    std::chrono::seconds expires_in{}; ///< its life
};

/// What asking for a token came to without hashing anything: an outcome, or an attempt that tokens::finish() has to hash.
struct CTMS_API token_start {
    std::optional<result<issued_token>> outcome; ///< set when it is decided
    std::shared_ptr<token_attempt> attempt;      ///< set when it is not; one that is dropped does not count as a failure
};

/// Who a request comes from, as far as it could be told.
struct CTMS_API authentication {
    std::string client_id;      ///< "" until it is known; may be an id that does not exist
    bool client_exists = false; ///< there is such a client (it may be disabled)
    result<void> verdict;       ///< errc::unauthorized, errc::forbidden (disabled), errc::missing_role, errc::unavailable
};

/// Life of tokens, and how clients are remembered.
struct CTMS_API token_options {
    std::chrono::seconds expiration{3600}; ///< of an access token
    /// How long a client's record may be used without reading it again; changes are seen within this time.
    std::chrono::milliseconds client_cache_time{4000};
    /// Failed attempts that one client may make from one address in a minute, and half of what the address may make with all its
    /// clients; 0 is no limit.
    int failures_per_minute = 100;
};

/// Gives tokens to clients, and tells whose a token is.
class CTMS_API tokens {
public:
    /// Both must outlive it.
    tokens(persistence::client_repository& clients, const auth::token_signer& signer, token_options options);
    ~tokens();
    tokens(const tokens&) = delete;
    tokens& operator=(const tokens&) = delete;

    /// The first step of issue(), which hashes nothing: takes microseconds, and where the client's record is needed the time of a
    /// database query. A secret that was right in the last ten minutes (remembered_secrets) gets its token here, whatever others do,
    /// unless the record has changed since. For others the attempts of `address`, and of the pair of client and address, are
    /// counted now, before anything is hashed: errc::too_many when none is left. `address` may stand for a network.
    [[nodiscard]] token_start begin(const std::string& client_id, const std::string& secret, const std::string& address,
                                    bool& client_exists);

    /// The second step: hashes the secret. To be called once for an attempt; afterwards it counts as failed unless there is a token.
    [[nodiscard]] result<issued_token> finish(token_attempt& attempt);

    /// A token for the client of that id, if the secret is right, or an old one that is still valid: errc::malformed otherwise
    /// ("Incorrect username or password"), with `detail` one of `No credentials`, `No client record`, `Client disabled`,
    /// `Bad credentials`. errc::too_many ("Too many attempts") as begin() says; errc::unavailable when the database or the memory
    /// for hashing is not available. `client_exists` is set as soon as it is known. begin() and finish() in one.
    [[nodiscard]] result<issued_token> issue(const std::string& client_id, const std::string& secret, const std::string& address,
                                             bool& client_exists);

    /// A token for a client without its secret, for operators who hold the signing key; it ends after `expiration`, or as those
    /// of issue() do. errc::not_found, errc::forbidden (disabled), errc::unavailable.
    [[nodiscard]] result<issued_token> grant(const std::string& client_id, std::optional<std::chrono::seconds> expiration = std::nullopt);

    /// Checks a bearer token, and that its client may do what is `wanted`. Tokens of a secret that was replaced and has no grace
    /// period left, or of a record that was deleted, are refused ("Token revoked" in the log); those of a client that was disabled
    /// are refused while it is. Reads the client's record, with its roles, at most once in `client_cache_time`, and once more in
    /// that time for each token that it calls revoked.
    [[nodiscard]] authentication authenticate(std::string_view token, model::role wanted);

private:
    friend class token_attempt;
    struct known_client; ///< a record with the rules for its tokens
    class known_secrets; ///< what is remembered and counted between requests
    struct cached_client {
        std::shared_ptr<const known_client> client; ///< null: there is none
        std::chrono::steady_clock::time_point read_at;
    };
    [[nodiscard]] result<std::shared_ptr<const known_client>> find_client(const std::string& client_id, bool cached);
    [[nodiscard]] bool was_revoked(std::string_view token);
    void remember_revoked(std::string_view token, std::chrono::steady_clock::time_point read_at);
    [[nodiscard]] std::optional<result<issued_token>> issue_remembered(const std::string& client_id, const std::string& secret,
                                                                       bool& client_exists);
    [[nodiscard]] issued_token sign(const known_client& client, const std::string& hashed_secret, std::chrono::seconds expiration) const;

    persistence::client_repository& clients_;
    const auth::token_signer& signer_;
    token_options options_;
    std::shared_ptr<known_secrets> secrets_; ///< shared with attempts, which may outlive it
    std::mutex mutex_;
    std::unordered_map<std::string, cached_client> cache_;
    std::unordered_map<std::uint64_t, std::chrono::steady_clock::time_point> revoked_; ///< tokens, and when their client was read
};

} // namespace ctms::service
