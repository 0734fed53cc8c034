// SPDX-License-Identifier: MPL-2.0
// Keys as Google's key server publishes them, made at run time, and tokens signed with them. Keys are immutable and may be
// used from many threads. Throws std::runtime_error when OpenSSL fails.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

class google_key {
public:
    [[nodiscard]] static google_key rsa(std::string id, unsigned bits = 2048);
    /// A key that cannot sign with RS256.
    [[nodiscard]] static google_key elliptic(std::string id);
    /// Looks like an RSA key of a size that would take too long to generate. It cannot sign.
    [[nodiscard]] static google_key hollow(std::string id, int bits);

    [[nodiscard]] const std::string& id() const { return id_; }
    /// In PEM, expired long ago and signed by an unknown issuer: only the key in it matters.
    [[nodiscard]] std::string certificate() const;
    /// "n" of the JSON Web Key: the modulus in base64url.
    [[nodiscard]] std::string modulus() const;
    /// A JSON Web Key with the given "e"; `more` adds members (", ..." or nothing).
    [[nodiscard]] std::string web_key(std::string_view exponent = "AQAB", std::string_view more = {}) const;
    /// A token with the given header (by default the usual one, with this key's id), signed with RS256.
    [[nodiscard]] std::string token(std::string_view claims, std::string_view header = {}) const;

private:
    struct state;
    google_key(std::string id, std::shared_ptr<const state> key) : id_(std::move(id)), key_(std::move(key)) {}

    std::string id_;
    std::shared_ptr<const state> key_;
};

/// A document that maps key ids to certificates.
[[nodiscard]] std::string certificates_of(const std::vector<google_key>& keys);
/// A JSON Web Key Set.
[[nodiscard]] std::string key_set_of(const std::vector<google_key>& keys);

} // namespace ctms::test
