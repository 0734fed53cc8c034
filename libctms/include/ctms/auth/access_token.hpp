// SPDX-License-Identifier: MPL-2.0
// Access tokens: JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7515, RFC 7518), with the claims `sub` and `exp` and, if requested,
// `iat` and `jti`. They are interchangeable with tokens of the Python service that uses the same key. A token_signer is immutable after
// construction and thread safe. Also the credentials that a client exchanges for a token, and how they are read from a request.
#pragma once

#include <ctms/base/export.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// The claims of a valid token.
struct CTMS_API token_claims {
    std::string name_space;             ///< the part of `sub` before its first colon, e.g. "api_client"
    std::string subject;                ///< the part of `sub` after the colon: the client id
    std::string id{};                   ///< `jti` if it is a string, otherwise ""
    std::optional<double> issued_at{};  ///< `iat` in seconds since 1970; nullopt if it is not a number
    std::optional<double> expires_at{}; ///< `exp` in seconds since 1970; nullopt if it is not a number
    std::optional<double> not_before{}; ///< `nbf` in seconds since 1970; nullopt if it is not a number

    /// Returns true if `now` is within the time for which the token is valid, as verify() requires it.
    [[nodiscard]] bool is_valid_at(std::chrono::system_clock::time_point now) const noexcept;
};

/// Returns a new random key for signing tokens: 64 hex digits.
[[nodiscard]] CTMS_API std::string make_signing_key();

/// Creates and verifies tokens with one key.
class CTMS_API token_signer {
public:
    /// `key` is the shared secret (CTMS_SECRET_KEY). `allow_no_expiration` accepts tokens without `exp`. `previous_key` only verifies
    /// tokens and never signs any (CTMS_SECRET_KEY_PREVIOUS); "" means none.
    token_signer(std::string key, bool allow_no_expiration, std::string previous_key = {});
    ~token_signer();
    token_signer(const token_signer&) = delete;
    token_signer& operator=(const token_signer&) = delete;

    /// Returns a token for `subject` ("api_client:id_x") that expires at `expires`.
    [[nodiscard]] std::string sign(std::string_view subject, std::chrono::sys_seconds expires) const;

    /// The same, with the claim `iat` and, if `id` is not empty, `jti`.
    [[nodiscard]] std::string sign(std::string_view subject, std::chrono::sys_seconds expires, std::chrono::sys_seconds issued,
                                   std::string_view id) const;

    /// Returns the claims, or nullopt if the token is malformed, is not HS256 (`alg` is compared exactly), has a bad signature, has expired
    /// (`exp`, which may be fractional), is not yet valid (`nbf`), has an audience (`aud`), or has no `sub` that is a string with a colon.
    /// `iat` is read but not checked. `now` is the current time.
    [[nodiscard]] std::optional<token_claims> verify(std::string_view token, std::chrono::system_clock::time_point now) const;

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

/// The credentials that a client presents to get a token. Either may be empty.
struct CTMS_API credentials {
    std::string client_id;     ///< the claimed id
    std::string client_secret; ///< in clear text; never log it
};

/// Parses what an HTTP Authorization header has after "Basic " (RFC 7617): padded base64 of "id:secret", split at the first colon. Returns
/// nullopt if it is not strict base64, contains a byte that is not ASCII, or has no colon. Does not verify the secret.
[[nodiscard]] CTMS_API std::optional<credentials> parse_basic(std::string_view header_value);

} // namespace ctms::auth
