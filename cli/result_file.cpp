// SPDX-License-Identifier: MPL-2.0
#include "result_file.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <random>

namespace ctms::cli {
namespace {

namespace fs = std::filesystem;

/// Renames a file unless the other name exists. Returns 0 or the reason.
int rename_to_free(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    if (::link(from.c_str(), to.c_str()) != 0) return errno; // for NFS, which only knows the usual rename
    ::unlink(from.c_str());
    return 0;
}

} // namespace

bool is_same_file(const std::string& output, const std::string& input) {
    const fs::path read(input == "-" ? "/dev/stdin" : input);
    std::error_code none;
    return fs::is_regular_file(read, none) && fs::equivalent(output, read, none);
}

result_file::result_file(const std::optional<std::string>& given, const std::string& input, std::string_view kind) {
    if (given) {
        name_ = *given;
        return;
    }
    std::error_code none;
    const bool has_folder = input != "-" && fs::is_regular_file(input, none);
    stem_ = has_folder ? fmt::format("{}.{}", input, kind) : std::string(kind);
    name_ = free_name();
}

std::string result_file::free_name() const {
    std::error_code none;
    auto out = stem_ + ".ndjson";
    for (int number = 2; fs::exists(fs::symlink_status(out, none)); ++number) out = fmt::format("{}.{}.ndjson", stem_, number);
    return out;
}

result<void> result_file::create() {
    if (!stem_.empty()) {
        std::random_device random;
        draft_ = (fs::path(stem_).parent_path() / fmt::format(".ctms-admin.{:08x}{:08x}.part", random(), random())).string();
    }
    auto made = new_file::create(draft_.empty() ? name_ : draft_);
    if (!made) return draft_.empty() ? made.error() : unavailable(fmt::format("{} cannot be written", name_), made.error().detail);
    file_ = std::move(*made);
    return {};
}

result<void> result_file::commit() {
    if (const auto done = file_->commit(); !done)
        return draft_.empty() ? done.error() : unavailable(fmt::format("{} cannot be written", name_), done.error().detail);
    if (!draft_.empty()) take_free_name();
    return {};
}

/// Another run may take a free name first. A file system that can rename only with replacing leaves the file its first name.
void result_file::take_free_name() {
    int failed = EEXIST;
    while (failed == EEXIST) {
        name_ = free_name();
        failed = rename_to_free(draft_, name_);
    }
    if (failed != 0) name_ = draft_;
}

} // namespace ctms::cli
