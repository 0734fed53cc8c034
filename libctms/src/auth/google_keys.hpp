// SPDX-License-Identifier: MPL-2.0
// Reads the public keys in a document of Google's key server. The document is trusted because it came over TLS, but within
// limits: a hundred keys, RSA of 2048 to 8192 bits. Private to the library.
// Thread safe: keys never change once read. Throws only std::bad_alloc.
#pragma once

#include <openssl/evp.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// May be used by several threads at the same time.
using public_key = std::shared_ptr<EVP_PKEY>;
/// Maps key ids to keys.
using key_map = std::map<std::string, public_key, std::less<>>;

inline constexpr std::size_t most_keys = 100;

/// Reads the keys in either form of document (see key_document). Skips entries that are not usable keys, and everything
/// after the first hundred keys. nullopt if this is not such a document or it has no usable key.
[[nodiscard]] std::optional<key_map> read_keys(std::string_view body);

/// Whether `signature` is a valid signature of `text` with RS256: RSA PKCS #1 v1.5 over SHA-256.
[[nodiscard]] bool is_signed_by(EVP_PKEY& key, std::string_view text, std::string_view signature);

} // namespace ctms::auth
