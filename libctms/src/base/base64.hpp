// SPDX-License-Identifier: MPL-2.0
// Base64 (RFC 4648), strictly: no blanks, no foreign characters, no bits left over, and padding exactly where it
// belongs. One text for one value, so that a signature has one spelling. Not constant in time: not for keys.
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctms {

/// The URL-safe alphabet, without padding (as in JSON Web Tokens).
[[nodiscard]] std::string base64url_encode(std::string_view bytes);
/// nullopt for any text that base64url_encode does not write.
[[nodiscard]] std::optional<std::string> base64url_decode(std::string_view text);

/// The common alphabet, padded to a multiple of four characters.
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// nullopt for any text that base64_encode does not write.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

} // namespace ctms
