// SPDX-License-Identifier: MPL-2.0
// Computes how many connections the limit on open descriptors allows, leaving enough for the database, the port for probes and files.
// Pure functions, thread safe.
#pragma once

#include "server/limits.hpp"

#include <support/config/settings.hpp>

#include <cstddef>

namespace ctms::web {

/// The number of descriptors that the service needs when all connections are open.
[[nodiscard]] std::size_t descriptors_needed(const limits& bounds, const config::settings& settings);

/// Returns `bounds` unchanged if there are enough descriptors. Otherwise lowers the number of connections, but not below 16, or below
/// 4 on the port for probes. The limit per address shrinks in proportion.
[[nodiscard]] limits fit_to_descriptors(limits bounds, const config::settings& settings, std::size_t descriptors);

} // namespace ctms::web
