// SPDX-License-Identifier: MPL-2.0
// The additional forms of errors: the member `error` that OAuth clients read from /token, and RFC 9457 for clients that ask for it.
#pragma once

#include "exchange.hpp"

namespace ctms::web {

/// Adds to the answer of a request, if it is an error with a JSON body that is not compressed:
/// - from /token: `error`, one of the codes of RFC 6749, 5.2, or `temporarily_unavailable` (4.1.2.1)
/// - if the client prefers `application/problem+json` (RFC 9457): `type`, `title`, `status` and `rid` (the X-Request-Id). `detail` is then
///   always a text, and the broken rules of a 422 are in `errors`.
/// Does nothing to an answer that already has them. If memory is short, the answer stays as it is.
void describe_error(exchange& one) noexcept;

} // namespace ctms::web
