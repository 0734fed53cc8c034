// SPDX-License-Identifier: MPL-2.0
// Requests with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): reads the key, and answers with what was kept for it.
// Pure functions, thread safe.
#pragma once

#include "route.hpp"

#include <ctms/base/result.hpp>
#include <ctms/model/kept_answer.hpp>
#include <ctms/service/keyed_writes.hpp>

#include <optional>
#include <vector>

namespace ctms::web {

/// Whether a request has a key, whatever it is.
[[nodiscard]] bool has_idempotency_key(const request& http);

/// The key of a request, with a text of everything that a repeated request must have in common with it; nullopt if it has no key.
/// errc::malformed for a key that is empty, too long, repeated, or has other characters than visible ASCII.
[[nodiscard]] result<std::optional<service::request_key>> idempotency_key(const call& now);

/// What is kept of the answer to a write: status, body, ETag and Content-Location.
[[nodiscard]] model::kept_answer to_kept(response&& answer, std::vector<uuid> email_ids);

/// The response to a request with a key. Records how the key was used.
[[nodiscard]] response keyed_response(call& now, const services& all, result<service::keyed_outcome> outcome);

} // namespace ctms::web
