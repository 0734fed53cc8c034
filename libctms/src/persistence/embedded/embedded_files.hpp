// SPDX-License-Identifier: MPL-2.0
// The data directory and the files in it, opened so that no other account can bend them: step by step from the root, relative
// to descriptors, without following a link in the directory, and only when owner, kind and mode are as they should be.
// Throws embedded_refusal with a sentence that says what is wrong, whose it is and what to do; std::system_error otherwise.
// Thread safe.
#pragma once

#include <ctms/base/files.hpp>

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace ctms::persistence {

class embedded_failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What another account put there, or could have, and what must therefore not be used.
class embedded_refusal : public embedded_failure {
public:
    using embedded_failure::embedded_failure;
};

/// A directory of our own, whose parents only we and root can change.
class own_directory {
public:
    own_directory() = default; ///< none

    /// Opens the directory; makes it, and missing parents, when it is missing. `mode`: what it gets when it is new, or empty and
    /// open to others.
    [[nodiscard]] static own_directory open(const std::filesystem::path& wanted, mode_t mode);

    /// Absolute, without links.
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    /// Opens a regular file in it that is ours alone to change. `flags`: O_RDWR | O_CREAT and their like; a new one has mode
    /// 0600. No file and no O_CREAT: a handle without descriptor.
    [[nodiscard]] file_handle open_file(const std::string& name, int flags) const;
    /// The file's content, at most 64 KiB of it; nullopt when there is none.
    [[nodiscard]] std::optional<std::string> read_file(const std::string& name) const;
    /// As read_file, for a secret: refused when others may read it.
    [[nodiscard]] std::optional<std::string> read_secret(const std::string& name) const;
    /// Replaces the file at once, with mode 0600, on disk when it returns.
    void write_file(const std::string& name, const std::string& text) const;

    /// Opens a directory in it that belongs to `owner` and that others cannot change. Nothing there: a handle without descriptor.
    [[nodiscard]] file_handle open_folder(const std::string& name, uid_t owner) const;

private:
    own_directory(file_handle folder, std::filesystem::path path) : folder_(std::move(folder)), path_(std::move(path)) {}

    file_handle folder_;
    std::filesystem::path path_;
};

/// At most 64 KiB of a regular file in `folder`, which may belong to another account; nullopt when there is none, and for what
/// is not a regular file.
[[nodiscard]] std::optional<std::string> read_plain_file(const file_handle& folder, const std::string& name);

/// True when `path` is a directory of `owner` that nobody else may enter.
[[nodiscard]] bool is_private_folder(const std::filesystem::path& path, uid_t owner);

} // namespace ctms::persistence
