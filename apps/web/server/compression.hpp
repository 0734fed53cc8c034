// SPDX-License-Identifier: MPL-2.0
// Compresses responses with gzip (Content-Encoding, RFC 9110, 8.4) if it is worthwhile and the client accepts it. Thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>

namespace ctms::web {

/// Whether an Accept-Encoding header accepts gzip: it names gzip (or `*`) without `q=0`.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding) noexcept;

/// Compresses `text`. Throws std::runtime_error if zlib runs out of memory.
[[nodiscard]] std::string gzip(std::string_view text);

/// What follows the entity tag of a response that is compressed, because it differs from the plain one (RFC 9110, 8.8.3.3).
inline constexpr std::string_view gzip_suffix = "-gzip";

/// Whether compress() compresses the response.
[[nodiscard]] bool is_compressed_for(const request& http, const response& answer);

/// Compresses the response if it is text longer than 1 KiB or of unknown length, is not encoded yet, and the client accepts gzip. Changes
/// its entity tag.
void compress(const request& http, response& answer);

} // namespace ctms::web
