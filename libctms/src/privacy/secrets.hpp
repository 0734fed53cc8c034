// SPDX-License-Identifier: MPL-2.0
// Looks for signs of secrets in what clients send, in any encoding. If in doubt, assumes a secret.
// Not for access control. Pure functions, thread safe; throw only std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctms::privacy {

/// Removes percent-encoding, even if the text was encoded several times; nullopt after more layers than are plausible.
[[nodiscard]] std::optional<std::string> fully_decoded(std::string_view text);

/// True if the text contains an at sign, in any form that redact_text recognizes.
[[nodiscard]] bool holds_at_sign(std::string_view text) noexcept;

/// True if the decoded text contains a word such as "secret", "token" or "password", in any case and with any characters except
/// letters and digits between its letters, or contains a JSON Web Token, or begins with the scheme of an Authorization header.
[[nodiscard]] bool tells_secret(std::string_view decoded);

/// True if the value of a header or parameter with this name is probably a secret or an address.
[[nodiscard]] bool names_secret(std::string_view decoded);

} // namespace ctms::privacy
