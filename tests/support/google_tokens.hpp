// SPDX-License-Identifier: MPL-2.0
// Keys as Google's key server publishes them, made at run time, and tokens signed with them. Keys are immutable and may be
// used by many threads. Throws std::runtime_error when OpenSSL fails.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::test {

class google_key {
public:
    [[nodiscard]] static google_key rsa(std::string id, unsigned bits = 2048);
    /// No key that signs with RS256.
    [[nodiscard]] static google_key elliptic(std::string id);
    /// An RSA key by its looks, of a size that would take too long to make: it cannot sign.
    [[nodiscard]] static google_key hollow(std::string id, int bits);

    [[nodiscard]] const std::string& id() const { return id_; }
    /// In PEM, signed by nobody known, and long expired: only the key in it counts.
    [[nodiscard]] std::string certificate() const;
    /// "n" of a JSON Web Key: base64url of the modulus.
    [[nodiscard]] std::string modulus() const;
    /// A JSON Web Key, with "e" and "more" members (", ..." or nothing) as given.
    [[nodiscard]] std::string web_key(std::string_view exponent = "AQAB", std::string_view more = {}) const;
    /// A token with that header (by default the usual one with this key's id), signed with RS256.
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
