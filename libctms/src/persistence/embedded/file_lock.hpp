// SPDX-License-Identifier: MPL-2.0
// Lock files (flock). A lock belongs to the open file and is released when its last descriptor is closed, however the
// process ends. Handles are move-only. Throws std::system_error.
#pragma once

#include <ctms/base/files.hpp>

#include <chrono>

namespace ctms::persistence {

enum class lock_mode { shared, exclusive };

/// Returns false if another lock on the file prevents it.
[[nodiscard]] bool try_lock_file(const file_handle& file, lock_mode mode);

/// Tries every few milliseconds; returns false when the deadline has passed.
[[nodiscard]] bool lock_file(const file_handle& file, lock_mode mode, std::chrono::steady_clock::time_point deadline);

} // namespace ctms::persistence
