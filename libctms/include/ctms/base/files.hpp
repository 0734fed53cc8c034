// SPDX-License-Identifier: MPL-2.0
// Reads and writes files safely even if other accounts can change the directory: new files appear complete and with the right mode, and
// small files are read with a size limit and a deadline. Not for the data directory, whose files also need a check of their owner. Handles
// are move-only and belong to one thread at a time. Failures are errc::unavailable with the system's reason in `detail`.
#pragma once

#include <ctms/base/export.hpp>
#include <ctms/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ctms {

/// Owns a file descriptor.
class CTMS_API file_handle {
public:
    file_handle() = default;
    explicit file_handle(int descriptor) : descriptor_(descriptor) {} ///< takes ownership; -1 means none
    /// Takes ownership of the other's descriptor; the other then owns nothing.
    file_handle(file_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    /// Swaps the descriptors; the other closes the one that this object owned.
    file_handle& operator=(file_handle&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~file_handle();
    /// Returns the descriptor, or -1 if there is none.
    [[nodiscard]] int get() const noexcept { return descriptor_; }
    /// Returns the descriptor and gives up ownership: the caller must close it.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

private:
    int descriptor_ = -1;
};

/// Options for creating a file.
struct CTMS_API new_file_options {
    unsigned mode = 0600; ///< the exact mode, independent of the umask
    bool durable = true;  ///< commit() returns when the file is on disk; false for files that a machine failure may destroy
    bool waits = true;    ///< for a reader of a pipe; false: a pipe that nobody reads, or that is full, is an error
};

/// A file that gets its name when it is complete. Until then it has no name or, if the file system does not support that, an unpredictable
/// name in the same directory. It replaces a regular file or a symbolic link of the same name, and does not follow a link in the last part
/// of the path. /dev/stdout, /dev/stderr and /dev/fd/N mean that open descriptor. Named pipes and devices are written to directly, if they
/// belong to this user or to root. A file that is not committed leaves nothing.
class CTMS_API new_file {
public:
    /// Creates the file, or opens the pipe (which waits for a reader).
    [[nodiscard]] static result<new_file> create(const std::string& path, const new_file_options& options = {});

    new_file(new_file&&) noexcept;            ///< leaves the other empty
    new_file& operator=(new_file&&) noexcept; ///< as above
    ~new_file();

    /// Appends to the buffer. Returns false if this write or an earlier one failed.
    [[nodiscard]] bool write(std::string_view text);
    /// Writes the buffered data and gives the file its name. Call it once.
    [[nodiscard]] result<void> commit();

private:
    struct impl;
    explicit new_file(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

/// Returns the content of a file of at most `limit` bytes. Links are followed, because orchestrators mount secrets through them. A pipe is
/// read to its end. `patience` limits the total time. A directory, a longer file, or a pipe that does not end in time is an error.
[[nodiscard]] CTMS_API result<std::string> read_small_file(const std::string& path, std::size_t limit,
                                                           std::chrono::milliseconds patience = std::chrono::seconds(5));

/// Returns the content of a regular file of at most `limit` bytes. Links are followed. Anything else, such as a pipe or a device, is an
/// error and is not waited for.
[[nodiscard]] CTMS_API result<std::string> read_regular_file(const std::string& path, std::size_t limit);

} // namespace ctms
