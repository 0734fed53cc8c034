// SPDX-License-Identifier: MPL-2.0
// Files that are only there to be locked (flock). A lock belongs to the open file and goes when the last descriptor of it
// is closed, however the process ends. Handles are move-only. Throws std::system_error.
#pragma once

#include <chrono>
#include <filesystem>
#include <utility>

namespace ctms::persistence {

class file_handle {
public:
    file_handle() = default;
    explicit file_handle(int descriptor) : descriptor_(descriptor) {}
    file_handle(file_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    file_handle& operator=(file_handle&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~file_handle();
    [[nodiscard]] int get() const noexcept { return descriptor_; }

private:
    int descriptor_ = -1;
};

enum class lock_mode { shared, exclusive };

/// Opens the file, made with mode 0600 when it is missing; closed on exec.
[[nodiscard]] file_handle open_lock_file(const std::filesystem::path& path);

/// False when somebody else holds a lock that forbids it.
[[nodiscard]] bool try_lock_file(const file_handle& file, lock_mode mode);

/// Tries every few milliseconds; false when the deadline has passed.
[[nodiscard]] bool lock_file(const file_handle& file, lock_mode mode, std::chrono::steady_clock::time_point deadline);

} // namespace ctms::persistence
