// SPDX-License-Identifier: MPL-2.0
// Signs of secrets in what clients send, however it is encoded. They err on the side of finding one.
// Not for deciding what a client may do. Pure functions, thread safe; throw only std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctms::privacy {

/// The text without percent-encoding, also when it was encoded several times; nullopt when that is more often than anybody does.
[[nodiscard]] std::optional<std::string> fully_decoded(std::string_view text);

/// True when the text holds an at sign, in any spelling that redact_text knows.
[[nodiscard]] bool holds_at_sign(std::string_view text) noexcept;

/// True when the decoded text holds a word such as "secret", "token" or "password", in any case and with anything but letters and
/// digits between its letters, when it begins with the scheme of an Authorization header, or holds a JSON Web Token.
[[nodiscard]] bool tells_secret(std::string_view decoded);

/// True for the name of a header or parameter whose value is a secret or an address.
[[nodiscard]] bool names_secret(std::string_view decoded);

} // namespace ctms::privacy
