// SPDX-License-Identifier: MPL-2.0
// What an HTTP answer of a key server is worth; no I/O. Private to the library. Thread safe; throws only std::bad_alloc.
#pragma once

#include <ctms/net/http_client.hpp>

#include <ctms/auth/google_id_token.hpp>

namespace ctms::auth {

inline constexpr std::size_t longest_key_document = 1 << 20;

/// The document and how long its headers let it be used. errc::unavailable for a failure, any status but 200, and a body
/// of more than a MiB. The keys in it are not read yet.
[[nodiscard]] result<key_document> key_document_from(net::http_outcome outcome);

} // namespace ctms::auth
