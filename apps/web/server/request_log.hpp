// SPDX-License-Identifier: MPL-2.0
// The log line of a request, with the fields of the deployment guide. Nothing personal gets in but traced addresses.
#pragma once

#include "exchange.hpp"

#include <span>

namespace ctms::web {

/// Writes the line, type `ctms.web`: severity info, or error when the application failed. `routes`: the first segments of their
/// paths are logged also where the rest of a path is not.
void log_request(mozlog::logger& log, const exchange& one, double seconds, std::span<const route> routes);

/// True for a request of a monitoring system, which most readers of the log want to leave out.
[[nodiscard]] bool is_trivial(const request& http, int status) noexcept;

} // namespace ctms::web
