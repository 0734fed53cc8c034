// SPDX-License-Identifier: MPL-2.0
// Strict base64 (RFC 4648): no whitespace, no other characters, no leftover bits, and correct padding. Each value has exactly
// one encoding, so that a signature cannot be written in several ways. Not constant time, so do not use it for keys.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// Uses the URL-safe alphabet without padding, as in JSON Web Tokens.
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
/// nullopt for any text that base64url_encode would not produce.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

/// Uses the standard alphabet, padded to a multiple of four characters.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// nullopt for any text that base64_encode would not produce.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

} // namespace ctms
