// SPDX-License-Identifier: MPL-2.0
// The responses that several places share, and the mapping from error codes to HTTP statuses.
#pragma once

#include "route.hpp"

#include <ctms/base/result.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace ctms::web {

[[nodiscard]] int to_status(errc code) noexcept;
/// Whether a failure is this service's (503), so that it says nothing about the caller.
[[nodiscard]] bool is_failure_here(errc code) noexcept;

/// The response to a failure: its message, field errors and conflicts, and the headers that belong to its status.
/// `failure.detail` is not sent to the client.
[[nodiscard]] response to_response(const error& failure);

/// Does the same inside a handler, and records a database failure (status 503) for the request's log line.
[[nodiscard]] response failed(call& now, const error& failure);

/// The error for a request without a bearer token.
[[nodiscard]] error not_authenticated();

[[nodiscard]] response json_response(int status, std::string body);

/// The response to a request for lines of JSON, of unlimited length, that `lines` makes. Makes the first piece at once, so that a failure
/// still gets a status of its own: returns what `refused` makes of it.
[[nodiscard]] response lines_response(body_source lines, const std::function<response(const error&)>& refused);

/// `{"detail": "..."}`
[[nodiscard]] response detail_response(int status, std::string_view detail);

/// 503: a limit was reached, or the server is stopping.
[[nodiscard]] response busy_response();

/// 429: too many requests of one client are already waiting.
[[nodiscard]] response too_many_waiting_response();

/// 429: an address has too many requests in progress. The client may send another as soon as one is answered.
[[nodiscard]] response too_many_at_once_response();

/// 500 with the same text as the Python service. Does not reveal the reason.
[[nodiscard]] response internal_error_response();

} // namespace ctms::web
