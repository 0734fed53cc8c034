// SPDX-License-Identifier: MPL-2.0
// Content-Encoding: gzip (RFC 9110, 8.4) for answers that are worth it, when the client takes it. Thread safe.
#pragma once

#include "message.hpp"

#include <string>
#include <string_view>

namespace ctms::web {

/// True when an Accept-Encoding header takes gzip: named (or `*`) without `q=0`.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding) noexcept;

/// `text` as gzip. Throws std::runtime_error when zlib has no memory.
[[nodiscard]] std::string gzip(std::string_view text);

/// Compresses the answer if it is text of more than 1 KiB, or of no known length, not encoded yet, and the client takes gzip.
void compress(const request& http, response& answer);

} // namespace ctms::web
