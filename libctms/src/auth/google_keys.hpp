// SPDX-License-Identifier: MPL-2.0
// The public keys in a document of Google's key server, read into OpenSSL's form. What the document says is taken on trust
// (it came over TLS), within bounds: a hundred keys, RSA of 2048 to 8192 bits. Private to the library.
// Thread safe: keys are never changed once read. Throws only std::bad_alloc.
#pragma once

#include <openssl/evp.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// May be used by many threads at once.
using public_key = std::shared_ptr<EVP_PKEY>;
/// By key id.
using key_map = std::map<std::string, public_key, std::less<>>;

inline constexpr std::size_t most_keys = 100;

/// The keys of either form of document (see key_document); entries that are no such key are passed over, and so is what
/// comes after the first hundred. nullopt when it is no such document, or has no usable key.
[[nodiscard]] std::optional<key_map> read_keys(std::string_view body);

/// Whether `signature` is that of `text` with RS256: RSA PKCS #1 v1.5 over SHA-256.
[[nodiscard]] bool is_signed_by(EVP_PKEY& key, std::string_view text, std::string_view signature);

} // namespace ctms::auth
