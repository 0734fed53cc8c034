// SPDX-License-Identifier: MPL-2.0
// Evaluates the HTTP response of a key server; no I/O. Private to the library. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/net/http_client.hpp>

#include <ctms/auth/google_id_token.hpp>

namespace ctms::auth {

inline constexpr std::size_t longest_key_document = 1 << 20;

/// Returns the document and how long its headers allow it to be used. errc::unavailable for a failure, any status except 200,
/// and a body of more than 1 MiB. Does not read the keys in the document.
[[nodiscard]] result<key_document> key_document_from(net::http_outcome outcome);

} // namespace ctms::auth
