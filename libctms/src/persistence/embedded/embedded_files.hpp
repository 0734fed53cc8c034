// SPDX-License-Identifier: MPL-2.0
// The data directory and the files in it, opened so that no other account can redirect us to other files: step by step from the
// root, relative to descriptors, without following links in the directory, and only if owner, kind and mode are right.
// Throws embedded_refusal with a message that names the file, its owner and what to do; std::system_error otherwise.
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

/// The data directory must not be used as it is: another account put a file there, or could have, or the data is of another version of
/// PostgreSQL than its programs.
class embedded_refusal : public embedded_failure {
public:
    using embedded_failure::embedded_failure;
};

/// A directory that belongs to this account and that no other account can change or replace.
class own_directory {
public:
    own_directory() = default; ///< no directory

    /// Opens the directory; creates it, and missing parents, if necessary. `mode` is set if the directory is new, or empty
    /// and writable by others.
    [[nodiscard]] static own_directory open(const std::filesystem::path& wanted, mode_t mode);

    /// The absolute path, without links.
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    /// Opens a regular file in the directory that no other account can change. `flags`: O_RDWR | O_CREAT and so on; a new file has
    /// mode 0600. Returns a handle without a descriptor if there is no file and `flags` lacks O_CREAT.
    [[nodiscard]] file_handle open_file(const std::string& name, int flags) const;
    /// The first 64 KiB of the file; nullopt if there is no file.
    [[nodiscard]] std::optional<std::string> read_file(const std::string& name) const;
    /// Like read_file, for a secret: refuses a file that others may read.
    [[nodiscard]] std::optional<std::string> read_secret(const std::string& name) const;
    /// Replaces the file atomically, with mode 0600. It is on disk when this returns.
    void write_file(const std::string& name, const std::string& text) const;

    /// Opens a subdirectory that belongs to `owner` and that others cannot change. Without a descriptor if there is none.
    [[nodiscard]] file_handle open_folder(const std::string& name, uid_t owner) const;

private:
    own_directory(file_handle folder, std::filesystem::path path) : folder_(std::move(folder)), path_(std::move(path)) {}

    file_handle folder_;
    std::filesystem::path path_;
};

/// The first 64 KiB of a regular file in `folder`, which may belong to another account; nullopt if there is no such file or it
/// is not a regular file.
[[nodiscard]] std::optional<std::string> read_plain_file(const file_handle& folder, const std::string& name);

/// True if `path` is a directory of `owner` that nobody else may enter.
[[nodiscard]] bool is_private_folder(const std::filesystem::path& path, uid_t owner);

} // namespace ctms::persistence
