// SPDX-License-Identifier: MPL-2.0
// Access tokens: giving them to API clients for their secret, and telling who a token belongs to.
// Thread safe. issue() takes about 0.1 s of CPU (Argon2id): call it on threads that serve nothing else.
// In every error, `message` is for the client and `detail` is the reason for the log.
#pragma once

#include <ctms/auth/access_token.hpp>
#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>
#include <ctms/model/api_client.hpp>
#include <ctms/persistence/clients.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ctms::service {

class failure_limit; // private: src/service/failure_limit.hpp

/// What a client gets for its secret.
struct CTMS_API issued_token {
    std::string access_token;          ///< signed, see auth::token_signer
    std::chrono::seconds expires_in{}; ///< its life
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
    /// Failed attempts that one client may make from one address in a minute; 0 is no limit.
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

    /// A token for the client of that id, if the secret is right, or an old one that is still valid: errc::malformed otherwise
    /// ("Incorrect username or password"), with `detail` one of `No credentials`, `No client record`, `Client disabled`,
    /// `Bad credentials`. After too many failures from one `address` they are errc::too_many instead; the right secret
    /// always passes. `client_exists` is set as soon as it is known.
    [[nodiscard]] result<issued_token> issue(const std::string& client_id, const std::string& secret, const std::string& address,
                                             bool& client_exists);

    /// A token for a client without its secret, for operators who hold the signing key; it ends after `expiration`, or as those
    /// of issue() do. errc::not_found, errc::forbidden (disabled), errc::unavailable.
    [[nodiscard]] result<issued_token> grant(const std::string& client_id, std::optional<std::chrono::seconds> expiration = std::nullopt);

    /// Checks a bearer token, and that its client may do what is `wanted`. Reads the client's record, with its roles, at
    /// most once in `client_cache_time`.
    [[nodiscard]] authentication authenticate(std::string_view token, model::role wanted);

private:
    struct cached_client {
        std::optional<model::api_client> record; ///< nullopt: there is none
        std::chrono::steady_clock::time_point read_at;
    };
    [[nodiscard]] result<std::optional<model::api_client>> find_client(const std::string& client_id);
    [[nodiscard]] result<bool> matches_old_secret(const std::string& client_id, const std::string& secret);
    [[nodiscard]] issued_token sign(const std::string& client_id, std::chrono::seconds expiration) const;
    [[nodiscard]] error refuse(std::string_view why, const std::string& client_id, const std::string& address);

    persistence::client_repository& clients_;
    const auth::token_signer& signer_;
    token_options options_;
    std::unique_ptr<failure_limit> failures_;
    std::mutex mutex_;
    std::unordered_map<std::string, cached_client> cache_;
};

} // namespace ctms::service
