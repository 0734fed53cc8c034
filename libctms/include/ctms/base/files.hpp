// SPDX-License-Identifier: MPL-2.0
// Files that other accounts of the machine cannot bend to their ends: new ones that appear whole and with the right mode, and
// small ones that are read within a bound and a deadline. Not for the data directory, whose files are checked for their owner
// too. Handles are move-only; each for one thread. Failures are errc::unavailable with the system's reason in `detail`.
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
    explicit file_handle(int descriptor) : descriptor_(descriptor) {} ///< takes it over; -1: none
    /// Takes over what the other owns, which then owns nothing.
    file_handle(file_handle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    /// The same; the other closes what this one owned.
    file_handle& operator=(file_handle&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~file_handle();
    /// The descriptor, -1 for none.
    [[nodiscard]] int get() const noexcept { return descriptor_; }
    /// Gives the descriptor away: the caller closes it.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

private:
    int descriptor_ = -1;
};

/// How a new file is made.
struct CTMS_API new_file_options {
    unsigned mode = 0600; ///< exactly, whatever the umask says
    bool durable = true;  ///< on disk when commit() returns; false for what may be lost with the machine
};

/// A file that gets its name when it is complete. Until then it has no name, or, where the file system cannot do that, one
/// that nobody can predict beside its place. It replaces a regular file or a symbolic link of its name; no link is followed
/// in its last part. /dev/stdout, /dev/stderr and /dev/fd/N are that open descriptor. A named pipe or a device is written to
/// directly, when it belongs to us or to root. What is not committed leaves nothing.
class CTMS_API new_file {
public:
    /// Makes the file, or opens the pipe (which waits for its reader).
    [[nodiscard]] static result<new_file> create(const std::string& path, const new_file_options& options = {});

    new_file(new_file&&) noexcept;            ///< leaves the other empty
    new_file& operator=(new_file&&) noexcept; ///< as above
    ~new_file();

    /// Appends, buffered. False when that, or a write before, failed.
    [[nodiscard]] bool write(std::string_view text);
    /// Writes what is buffered, and gives the file its name. Once.
    [[nodiscard]] result<void> commit();

private:
    struct impl;
    explicit new_file(std::unique_ptr<impl> state);
    std::unique_ptr<impl> impl_;
};

/// The content of a file of at most `limit` bytes. Links are followed, as orchestrators mount secrets through them. A pipe is
/// read to its end; `patience` bounds the whole. A directory, a longer file, or a pipe that nobody ends is an error.
[[nodiscard]] CTMS_API result<std::string> read_small_file(const std::string& path, std::size_t limit,
                                                           std::chrono::milliseconds patience = std::chrono::seconds(5));

} // namespace ctms
