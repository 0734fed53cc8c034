// SPDX-License-Identifier: MPL-2.0
// Reads the credentials of a client from an HTTP Authorization header of the scheme Basic (RFC 7617). Does not verify them; see secrets.hpp
// for that. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/base/export.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace ctms::auth {

/// The credentials that a client presents to get a token. Either may be empty.
struct CTMS_API credentials {
    std::string client_id;     ///< the claimed id
    std::string client_secret; ///< in clear text; never log it
};

/// Parses the text after "Basic ": padded base64 of "id:secret", split at the first colon. Returns nullopt if it is not strict base64,
/// contains a byte that is not ASCII, or has no colon.
[[nodiscard]] CTMS_API std::optional<credentials> parse_basic(std::string_view header_value);

} // namespace ctms::auth
