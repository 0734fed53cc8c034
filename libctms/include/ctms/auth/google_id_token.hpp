// SPDX-License-Identifier: MPL-2.0
// ID tokens of Google, which Pub/Sub sends with its push requests: JSON Web Tokens (RFC 7519) signed with RS256 (RFC 7518) by keys that
// Google publishes (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions). Thread safe. verify() may wait for the key
// server when keys must be fetched, so call it on threads that do nothing else. Otherwise it takes about 20 microseconds.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::auth {

/// The response of a key server: a map of key ids to X.509 certificates in PEM (https://www.googleapis.com/oauth2/v1/certs), or a JSON Web
/// Key Set (RFC 7517; https://www.googleapis.com/oauth2/v3/certs).
struct CTMS_API key_document {
    std::string body;                ///< JSON
    std::chrono::seconds max_age{0}; ///< how long it may be used: max-age of Cache-Control minus Age
};

/// Returns the current key document, or errc::unavailable. May block, but must return after a bounded time.
using key_source = std::function<result<key_document>()>;

/// Returns a key source that gets `url` over HTTP or HTTPS, with a timeout of five seconds. Throws std::invalid_argument if `url` is not an
/// HTTP or HTTPS URL.
[[nodiscard]] CTMS_API key_source fetch_keys_from(const std::string& url);

/// The claims of a token with a good signature.
struct CTMS_API google_claims {
    std::string email;           ///< claim `email`; "" if it is missing
    bool email_verified = false; ///< claim `email_verified`
    /// All claims in the order of the token: name, and value as compact JSON.
    std::vector<std::pair<std::string, std::string>> all;
};

/// Verifies tokens for one audience with the keys that Google publishes.
class CTMS_API google_token_verifier {
public:
    /// Returns the current time.
    using clock_function = std::function<std::chrono::system_clock::time_point()>;

    /// `audience` is the required value of `aud`. `clock` is used for the tokens and for the cache of keys.
    google_token_verifier(key_source source, std::string audience, clock_function clock = std::chrono::system_clock::now);
    ~google_token_verifier();
    google_token_verifier(const google_token_verifier&) = delete;
    google_token_verifier& operator=(const google_token_verifier&) = delete;

    /// Verifies a token and returns its claims. The token must be signed by a known key, must not be expired (`exp` and `iat` allow for ten
    /// seconds of clock skew), must be issued by accounts.google.com, and must name the audience. Otherwise returns errc::unauthorized
    /// whose `detail` is "Unknown key" (no key has the token's `kid`, or it has none) or "Google authentication failure"; or
    /// errc::unavailable if there are no keys and they cannot be fetched.
    ///
    /// Keys are used for as long as their document allows (at least a minute, at most a day) and, if the server cannot be reached then,
    /// until a day after they were fetched. For an unknown `kid`, the document is fetched again, at most once a minute, so tokens cannot
    /// flood the key server. Only one document is kept in memory. While one thread fetches, tokens with known keys are verified without
    /// waiting. Of tokens with an unknown `kid`, one waits and the others get errc::unavailable. While there are no keys, all calls wait.
    [[nodiscard]] result<google_claims> verify(std::string_view token);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::auth
