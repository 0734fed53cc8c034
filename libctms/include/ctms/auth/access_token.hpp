// SPDX-License-Identifier: MPL-2.0
// Access tokens: JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7515, RFC 7518), claims `sub` and `exp`, and where asked for `iat` and
// `jti`. Interchangeable with those of the reference service that uses the same key. A token_signer is immutable after construction and
// safe to use from many threads.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// What a valid token says.
struct CTMS_API token_claims {
    std::string name_space;             ///< the part of `sub` before its first colon, e.g. "api_client"
    std::string subject;                ///< the part after it: the client id
    std::string id{};                   ///< `jti` where it is a string, else ""
    std::optional<double> issued_at{};  ///< `iat`, in seconds since 1970; nullopt without a number there
    std::optional<double> expires_at{}; ///< `exp`, likewise
};

/// Makes and checks tokens with one key.
class CTMS_API token_signer {
public:
    /// `key`: the shared secret (CTMS_SECRET_KEY). `allow_no_expiration`: accept tokens without `exp`. `previous_key`: one that
    /// verifies too and never signs (CTMS_SECRET_KEY_PREVIOUS); "" is none.
    token_signer(std::string key, bool allow_no_expiration, std::string previous_key = {});
    ~token_signer();
    token_signer(const token_signer&) = delete;
    token_signer& operator=(const token_signer&) = delete;

    /// A token for `subject` ("api_client:id_x") that ends at `expires`.
    [[nodiscard]] std::string sign(std::string_view subject, std::chrono::sys_seconds expires) const;

    /// The same with `iat` and, unless it is empty, `jti`.
    [[nodiscard]] std::string sign(std::string_view subject, std::chrono::sys_seconds expires, std::chrono::sys_seconds issued,
                                   std::string_view id) const;

    /// The claims, or nullopt when the token is malformed, not HS256 (`alg` is compared exactly), badly signed,
    /// expired (`exp`, may be fractional), not yet valid (`nbf`), for an audience (`aud` is refused), or without a `sub`
    /// that is a string with a colon. `iat` is read and not checked. `now` is the time to check against.
    [[nodiscard]] std::optional<token_claims> verify(std::string_view token, std::chrono::system_clock::time_point now) const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::auth
