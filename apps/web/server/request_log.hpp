// SPDX-License-Identifier: MPL-2.0
// Writes the log line of a request, with the fields of the deployment guide. It contains no personal data except traced addresses.
#pragma once

#include "exchange.hpp"

#include <span>

namespace ctms::web {

/// Writes the line with type `ctms.web` and severity info, or error if the application failed. The first segment of a path is logged
/// even if the rest is redacted, provided one of `routes` begins with it.
void log_request(mozlog::logger& log, const exchange& one, double seconds, std::span<const route> routes);

/// Whether the request comes from a monitoring system, which most readers of the log want to filter out.
[[nodiscard]] bool is_trivial(const request& http, int status) noexcept;

/// Logs the end of a response that stayed open for `seconds`, with the request id by which its first line can be found.
void log_end_of_events(mozlog::logger& log, const exchange& one, std::string_view reason, double seconds);

} // namespace ctms::web
