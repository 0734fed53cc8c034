// SPDX-License-Identifier: MPL-2.0
// Binds a token to one of a client's secrets, so that it becomes invalid with the secret. Private to the services. Thread safe.
#pragma once

#include <ctms/auth/access_token.hpp>
#include <persistence/clients/client_repository.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace ctms::service {

/// Identifies a secret of a client's record without revealing it: a hash of the salted hash, the id and the time at which the
/// record was created. 22 characters.
[[nodiscard]] std::string secret_version(const model::api_client& client, std::string_view hashed_secret);

/// A new, unique `jti` for a token that belongs to this secret; is_revoked() reads it.
[[nodiscard]] std::string token_id_for(const std::string& version);

/// The data that decides whether a client's tokens are revoked, computed once each time its record is read.
struct token_rules {
    explicit token_rules(const persistence::client_access& access);
    std::vector<std::string> versions; ///< of the valid secrets
    std::optional<timestamp> valid_from;
};

/// Whether a correctly signed token is revoked: its secret was replaced and has no grace period left, or the client's record was
/// created again. Tokens of ctms-web name their secret in `jti`, which does not depend on a clock. Others, such as those of
/// the Python service, are judged by the time of issue: `iat`, or `exp` minus `life`. One with neither is revoked as soon as
/// anything was revoked. The clocks of the issuer and the database may differ by `clock_tolerance`.
[[nodiscard]] bool is_revoked(const auth::token_claims& token, const token_rules& rules, std::chrono::seconds life);

inline constexpr std::chrono::seconds clock_tolerance{5};

} // namespace ctms::service
