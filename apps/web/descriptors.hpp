// SPDX-License-Identifier: MPL-2.0
// How many connections the limit of open descriptors allows, so that the database, the port for probes and files keep theirs.
// Pure functions, thread safe.
#pragma once

#include "server/limits.hpp"

#include <ctms/config/settings.hpp>

#include <cstddef>

namespace ctms::web {

/// The descriptors that the service takes when all connections are there.
[[nodiscard]] std::size_t descriptors_needed(const limits& bounds, const config::settings& settings);

/// The same limits when there are enough descriptors; else with fewer connections, 16 at least, and 4 on the port for probes. One
/// address keeps its part of them.
[[nodiscard]] limits fit_to_descriptors(limits bounds, const config::settings& settings, std::size_t descriptors);

} // namespace ctms::web
