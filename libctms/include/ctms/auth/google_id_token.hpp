// SPDX-License-Identifier: MPL-2.0
// ID tokens of Google, with which Pub/Sub signs its push requests: JSON Web Tokens (RFC 7519) signed with RS256
// (RFC 7518) by keys that Google publishes (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions).
// Thread safe. verify() waits for the key server when keys must be fetched and no other thread does so: call it on threads that
// nothing else needs. Otherwise it takes some 20 microseconds.
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

/// What a key server answered: a map of key id to X.509 certificate in PEM (https://www.googleapis.com/oauth2/v1/certs),
/// or a JSON Web Key Set (RFC 7517; https://www.googleapis.com/oauth2/v3/certs).
struct CTMS_API key_document {
    std::string body;                ///< JSON
    std::chrono::seconds max_age{0}; ///< how long it may be used: from Cache-Control, less Age
};

/// Gets the current key document, or errc::unavailable. May block; must end by itself.
using key_source = std::function<result<key_document>()>;

/// A key source that gets `url` over HTTP or HTTPS, waiting at most five seconds. Throws std::invalid_argument when it is
/// no such URL.
[[nodiscard]] CTMS_API key_source fetch_keys_from(const std::string& url);

/// What a token with a good signature says.
struct CTMS_API google_claims {
    std::string email;           ///< claim `email`, "" without
    bool email_verified = false; ///< claim `email_verified`
    /// Every claim, in the order of the token: its name, and its value as compact JSON.
    std::vector<std::pair<std::string, std::string>> all;
};

/// Checks tokens for one audience, with the keys that Google publishes.
class CTMS_API google_token_verifier {
public:
    /// Tells the time.
    using clock_function = std::function<std::chrono::system_clock::time_point()>;

    /// `audience`: what `aud` must be. `clock` tells the time for the tokens and the cache of keys.
    google_token_verifier(key_source source, std::string audience, clock_function clock = std::chrono::system_clock::now);
    ~google_token_verifier();
    google_token_verifier(const google_token_verifier&) = delete;
    google_token_verifier& operator=(const google_token_verifier&) = delete;

    /// The claims of a token that is signed by a known key, not expired (`exp`, `iat` not in the future, ten seconds are
    /// forgiven), issued by accounts.google.com, for the audience. Otherwise errc::unauthorized, with `detail` one of
    /// "Unknown key" (no key has the token's `kid`, or it names none) and "Google authentication failure"; or
    /// errc::unavailable when there are no keys and none can be had.
    ///
    /// Keys are kept as long as their document allows (a minute at least, a day at most), and beyond that while the server
    /// cannot be reached, a day at most. For a `kid` that is not among them the document is fetched again, at most once a
    /// minute, however many tokens come: nobody can use it to flood the server, and the only memory is that of one document.
    /// While one thread fetches, tokens of known keys are verified without waiting, and of those with an unknown `kid` one waits
    /// and others are errc::unavailable at once; without any keys all wait.
    [[nodiscard]] result<google_claims> verify(std::string_view token);

private:
    class impl;
    std::unique_ptr<impl> impl_;
};

} // namespace ctms::auth
