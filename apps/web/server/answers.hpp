// SPDX-License-Identifier: MPL-2.0
// The answers that several places give, and the one table from error codes to HTTP statuses.
#pragma once

#include "route.hpp"

#include <ctms/base/result.hpp>

#include <string>

namespace ctms::web {

[[nodiscard]] int to_status(errc code) noexcept;

/// The answer to a failure: its message, field errors and conflicts, and the headers that belong to its status.
/// `failure.detail` stays here.
[[nodiscard]] response to_response(const error& failure);

/// The same from inside a handler: failures of the database also go into the request's log line.
[[nodiscard]] response failed(call& now, const error& failure);

/// What a request without a bearer token is refused with.
[[nodiscard]] error not_authenticated();

[[nodiscard]] response json_response(int status, std::string body);

/// `{"detail": "..."}`
[[nodiscard]] response detail_response(int status, std::string_view detail);

/// 503: a limit was reached or the server is stopping.
[[nodiscard]] response busy_response();

/// 429: too much of one client waits already.
[[nodiscard]] response too_many_waiting_response();

/// 429: an address has too many requests under way. Another may be sent as soon as one is answered.
[[nodiscard]] response too_many_at_once_response();

/// 500 as the reference writes it; says nothing about the reason.
[[nodiscard]] response internal_error_response();

} // namespace ctms::web
