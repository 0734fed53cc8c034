// SPDX-License-Identifier: MPL-2.0
// Files that are only there to be locked (flock). A lock belongs to the open file and goes when the last descriptor of it
// is closed, however the process ends. Handles are move-only. Throws std::system_error.
#pragma once

#include <ctms/base/files.hpp>

#include <chrono>

namespace ctms::persistence {

enum class lock_mode { shared, exclusive };

/// False when somebody else holds a lock that forbids it.
[[nodiscard]] bool try_lock_file(const file_handle& file, lock_mode mode);

/// Tries every few milliseconds; false when the deadline has passed.
[[nodiscard]] bool lock_file(const file_handle& file, lock_mode mode, std::chrono::steady_clock::time_point deadline);

} // namespace ctms::persistence
