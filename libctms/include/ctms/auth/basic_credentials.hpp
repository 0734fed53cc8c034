// SPDX-License-Identifier: MPL-2.0
// Credentials of a client in an HTTP Authorization header of the scheme Basic (RFC 7617).
// Reads only; whether the credentials are good is for others to say (secrets.hpp).
// Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// What a client presents to get a token. Either may be empty.
struct CTMS_API credentials {
    std::string client_id;     ///< who it says it is
    std::string client_secret; ///< in the clear: not for logs
};

/// Reads what stands behind "Basic" and one blank: padded base64 of "id:secret", split at the first colon.
/// nullopt when it is no strict base64, holds a byte beyond ASCII, or has no colon.
[[nodiscard]] CTMS_API std::optional<credentials> parse_basic(std::string_view header_value);

} // namespace ctms::auth
