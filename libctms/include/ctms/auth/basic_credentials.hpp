// SPDX-License-Identifier: MPL-2.0
// Credentials of a client in an HTTP Authorization header of the scheme Basic (RFC 7617).
// Reads only; whether the credentials are good is for others to say (secrets.hpp).
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// What a client presents to get a token. Either may be empty.
struct credentials {
    std::string client_id;
    std::string client_secret;
};

/// Reads what stands behind "Basic" and one blank: padded base64 of "id:secret", split at the first colon.
/// nullopt when it is no strict base64, holds a byte beyond ASCII, or has no colon.
[[nodiscard]] std::optional<credentials> parse_basic(std::string_view header_value);

} // namespace ctms::auth
