// SPDX-License-Identifier: MPL-2.0
// The number of files and sockets that the process may open (RLIMIT_NOFILE). Call it once, at startup. Throws no exceptions.
#pragma once

#include <cstddef>

namespace ctms::support {

/// Raises the soft limit to the hard limit, but at most to 65,536, because child processes may check every descriptor up to the
/// limit. Returns the resulting soft limit.
[[nodiscard]] std::size_t raise_descriptor_limit() noexcept;

} // namespace ctms::support
