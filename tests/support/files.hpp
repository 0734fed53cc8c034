// SPDX-License-Identifier: MPL-2.0
// Reads and writes whole files, and their modes. For files that tests make: errors are not reported, except by mode_of().
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include <sys/stat.h>

namespace ctms::test {

inline void put(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

[[nodiscard]] inline std::string content(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// The permission bits, of a link its own. Throws std::system_error.
[[nodiscard]] inline mode_t mode_of(const std::filesystem::path& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) throw std::system_error(errno, std::generic_category(), path.string());
    return info.st_mode & 07777U;
}

} // namespace ctms::test
