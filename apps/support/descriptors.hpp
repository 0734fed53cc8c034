// SPDX-License-Identifier: MPL-2.0
// How many files and sockets a process may open (RLIMIT_NOFILE). To be called once, at the start. No exceptions.
#pragma once

#include <cstddef>

namespace ctms::support {

/// Raises the soft limit to the hard one, but not beyond 65,536, since what a process starts may look at every number up to the
/// limit. The soft limit then in force.
[[nodiscard]] std::size_t raise_descriptor_limit() noexcept;

} // namespace ctms::support
