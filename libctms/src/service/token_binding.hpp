// SPDX-License-Identifier: MPL-2.0
// Which of a client's secrets a token belongs to: what makes a token end with the secret. Private to the services. Thread safe.
#pragma once

#include <ctms/auth/access_token.hpp>
#include <ctms/persistence/client_repository.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace ctms::service {

/// Identifies a secret of a client's record, and tells nothing about it: it is a hash over the salted hash, the id and the time
/// at which the record was made. 22 characters.
[[nodiscard]] std::string secret_version(const model::api_client& client, std::string_view hashed_secret);

/// A new `jti` for a token that belongs to this secret: unique, and what is_revoked() reads.
[[nodiscard]] std::string token_id_for(const std::string& version);

/// What decides about tokens of a client, computed once for each reading of its record.
struct token_rules {
    explicit token_rules(const persistence::client_access& access);
    std::vector<std::string> versions; ///< of the secrets that are valid
    std::optional<timestamp> valid_from;
};

/// Whether a good signature is not enough: the secret that the token belongs to was replaced and has no grace period left, or
/// the record was made again. Tokens of ctms-web name their secret in `jti`, which does not depend on any clock. Others, such as
/// those of the Python service, are judged by when they were issued: `iat`, or else `exp` less `life`; one with neither is
/// refused as soon as anything was revoked. Clocks of the issuer and the database may differ by `clock_tolerance`.
[[nodiscard]] bool is_revoked(const auth::token_claims& token, const token_rules& rules, std::chrono::seconds life);

inline constexpr std::chrono::seconds clock_tolerance{5};

} // namespace ctms::service
