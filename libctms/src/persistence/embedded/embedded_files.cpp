// SPDX-License-Identifier: MPL-2.0
#include "embedded_files.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <vector>

namespace ctms::persistence {

namespace fs = std::filesystem;

namespace {

constexpr mode_t others_write = S_IWGRP | S_IWOTH;
constexpr int most_links = 40; // the limit of Linux
constexpr std::size_t longest_file = 64 << 10;

using file_status = struct stat;

[[noreturn]] void fail(int reason, const fs::path& path) { throw std::system_error(reason, std::generic_category(), path.string()); }

std::optional<std::string> name_of(uid_t user) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
    return found->pw_name;
}

// How a message names the account.
std::string account_name(uid_t user) {
    const auto name = name_of(user);
    return name ? fmt::format("`{}` (uid {})", *name, user) : fmt::format("uid {}", user);
}

// How a command names the account.
std::string account_word(uid_t user) { return name_of(user).value_or(std::to_string(user)); }

[[noreturn]] void refuse(const std::string& what) { throw embedded_refusal(what + " Or choose another directory with CTMS_DATA_DIR."); }

[[noreturn]] void refuse_owner(const fs::path& path, uid_t owner, uid_t wanted) {
    refuse(fmt::format("{0} belongs to {1}, but should belong to {2}: another account may have put it there. Run this program as its "
                       "owner, remove it, or, if you trust its contents, take ownership with `chown -h {3} {0}`.",
                       path.string(), account_name(owner), account_name(wanted), account_word(wanted)));
}

[[noreturn]] void refuse_kind(const fs::path& path, const file_status& info, std::string_view wanted) {
    const auto* found = S_ISLNK(info.st_mode)    ? "symbolic link"
                        : S_ISDIR(info.st_mode)  ? "directory"
                        : S_ISFIFO(info.st_mode) ? "named pipe"
                        : S_ISREG(info.st_mode)  ? "file"
                                                 : "device or socket";
    refuse(fmt::format("{} is a {} of {}, not a {}: links and special files in the data directory are not followed. Remove it.",
                       path.string(), found, account_name(info.st_uid), wanted));
}

[[noreturn]] void refuse_mode(const fs::path& path, const file_status& info, std::string_view change) {
    refuse(fmt::format("{0} of {1} has the mode {2:03o}, which lets other accounts change or read it. If you trust its contents, "
                       "protect it with `chmod {3} {0}`.",
                       path.string(), account_name(info.st_uid), info.st_mode & 07777U, change));
}

file_status status_of(const file_handle& file, const fs::path& path) {
    file_status info{};
    if (::fstat(file.get(), &info) != 0) fail(errno, path);
    return info;
}

// Checks a directory on the path. An account that can rename entries in it can at most substitute another directory that we own:
// the walk does not follow links of other accounts, and the last directory must be ours. So the owner of a parent does not
// matter, and `sudo` works in another user's checkout.
void check_parent(const fs::path& path, const file_status& info) {
    if ((info.st_mode & S_IWOTH) != 0 && (info.st_mode & S_ISVTX) == 0) {
        refuse(fmt::format("Every account may change what is in {0} (of {1}), even the data directory. Protect it with `chmod o-w {0}` or "
                           "`chmod +t {0}`.",
                           path.string(), account_name(info.st_uid)));
    }
}

// Walks from the root to the wanted directory, one part of the path at a time.
class walk {
public:
    walk(const fs::path& wanted, mode_t mode) : mode_(mode) { push(fs::absolute(wanted)); }

    void run() {
        restart();
        while (!rest_.empty()) {
            check_parent(path_, status_of(folder_, path_));
            const auto name = rest_.back();
            rest_.pop_back();
            step(name);
        }
    }

    [[nodiscard]] const fs::path& path() const { return path_; }
    [[nodiscard]] bool made() const { return made_; }
    // Opens the directory for reading. The descriptor of the walk (O_PATH) cannot be read from.
    [[nodiscard]] file_handle open() const {
        file_handle out(::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (out.get() < 0) {
            const int reason = errno;
            const auto info = status_of(folder_, path_);
            if (info.st_uid != ::geteuid()) refuse_owner(path_, info.st_uid, ::geteuid());
            fail(reason, path_);
        }
        return out;
    }

private:
    void push(const fs::path& path) {
        std::vector<std::string> parts;
        for (const auto& part : path.relative_path()) {
            if (!part.empty() && part != ".") parts.push_back(part.string());
        }
        rest_.insert(rest_.end(), parts.rbegin(), parts.rend());
    }

    void restart() {
        folder_ = file_handle(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
        path_ = "/";
        if (folder_.get() < 0) fail(errno, path_);
    }

    void step(const std::string& name) {
        const auto next_path = name == ".." ? path_.parent_path() : path_ / name;
        file_handle next(::openat(folder_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        if (next.get() < 0 && errno == ENOENT) {
            const bool is_last = rest_.empty();
            const bool made = ::mkdirat(folder_.get(), name.c_str(), is_last ? mode_ : 0777) == 0;
            if (!made && errno != EEXIST) fail(errno, next_path);
            made_ = made && is_last;
            next = file_handle(::openat(folder_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        }
        if (next.get() < 0) fail(errno, next_path);
        const auto info = status_of(next, next_path);
        if (S_ISLNK(info.st_mode)) return follow(next, next_path, info);
        if (!S_ISDIR(info.st_mode)) fail(ENOTDIR, next_path);
        folder_ = std::move(next);
        path_ = next_path;
    }

    void follow(const file_handle& link, const fs::path& path, const file_status& info) {
        if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
            refuse(fmt::format("{} is a symbolic link of {}, which could point anywhere and is not followed. Remove it.", path.string(),
                               account_name(info.st_uid)));
        }
        if (++links_ > most_links) fail(ELOOP, path);
        std::array<char, PATH_MAX> text{};
        const auto length = ::readlinkat(link.get(), "", text.data(), text.size());
        if (length < 0) fail(errno, path);
        const fs::path target(std::string(text.data(), static_cast<std::size_t>(length)));
        push(target);
        if (target.is_absolute()) restart();
    }

    mode_t mode_;
    std::vector<std::string> rest_; // in reverse order: the next part is the last element
    file_handle folder_;
    fs::path path_;
    int links_ = 0;
    bool made_ = false;
};

// Using the path is safe here: the walk has checked everybody who could change it.
bool holds_nothing(const fs::path& path) { return fs::is_empty(path); }

std::string read_open_file(const file_handle& file, const fs::path& path) {
    std::string out(longest_file, '\0');
    std::size_t count = 0;
    while (count < out.size()) {
        const auto got = ::read(file.get(), out.data() + count, out.size() - count);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(errno, path);
        if (got == 0) break;
        count += static_cast<std::size_t>(got);
    }
    out.resize(count);
    return out;
}

} // namespace

own_directory own_directory::open(const fs::path& wanted, mode_t mode) {
    walk way(wanted, mode);
    way.run();
    auto folder = way.open();
    auto info = status_of(folder, way.path());
    if (info.st_uid != ::geteuid()) refuse_owner(way.path(), info.st_uid, ::geteuid());
    const bool is_open = (info.st_mode & others_write) != 0;
    if (way.made() || ((is_open || ::geteuid() == 0) && holds_nothing(way.path()))) {
        if (::fchmod(folder.get(), mode) != 0) fail(errno, way.path());
        // Now that others cannot write here, check again whether somebody put something there in the meantime.
        if (!is_open || holds_nothing(way.path())) return {std::move(folder), way.path()};
    }
    if (is_open) refuse_mode(way.path(), info, "go-w");
    return {std::move(folder), way.path()};
}

file_handle own_directory::open_file(const std::string& name, int flags) const {
    const auto file_path = path_ / name;
    // O_NONBLOCK: opening a named pipe must not block.
    file_handle file(::openat(folder_.get(), name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    file_status info{};
    if (file.get() < 0) {
        const int reason = errno;
        if (reason == ENOENT) return file;
        if (::fstatat(folder_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) fail(reason, file_path);
        if (!S_ISREG(info.st_mode)) refuse_kind(file_path, info, "file");
        if (info.st_uid != ::geteuid()) refuse_owner(file_path, info.st_uid, ::geteuid());
        fail(reason, file_path);
    }
    info = status_of(file, file_path);
    if (!S_ISREG(info.st_mode)) refuse_kind(file_path, info, "file");
    if (info.st_uid != ::geteuid()) refuse_owner(file_path, info.st_uid, ::geteuid());
    if ((info.st_mode & others_write) != 0) refuse_mode(file_path, info, "go-w");
    if (info.st_nlink > 1)
        refuse(fmt::format("{} has a second name (a hard link) somewhere: another account may have put it there. Remove it.",
                           file_path.string()));
    return file;
}

std::optional<std::string> own_directory::read_file(const std::string& name) const {
    const auto file = open_file(name, O_RDONLY);
    if (file.get() < 0) return std::nullopt;
    return read_open_file(file, path_ / name);
}

std::optional<std::string> own_directory::read_secret(const std::string& name) const {
    const auto file = open_file(name, O_RDONLY);
    if (file.get() < 0) return std::nullopt;
    const auto info = status_of(file, path_ / name);
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) refuse_mode(path_ / name, info, "600");
    return read_open_file(file, path_ / name);
}

void own_directory::write_file(const std::string& name, const std::string& text) const {
    const auto draft = name + ".new";
    const auto draft_path = path_ / draft;
    ::unlinkat(folder_.get(), draft.c_str(), 0); // left by a program that was killed; removes a link, not its target
    errno = 0;                                   // a short write, when the disk is full, does not set it
    const file_handle file(::openat(folder_.get(), draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    const bool written = file.get() >= 0 && ::fchmod(file.get(), 0600) == 0 &&
                         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(file.get()) == 0;
    if (!written || ::renameat(folder_.get(), draft.c_str(), folder_.get(), name.c_str()) != 0)
        fail(errno != 0 ? errno : ENOSPC, draft_path);
    if (::fsync(folder_.get()) != 0) fail(errno, path_);
}

file_handle own_directory::open_folder(const std::string& name, uid_t owner) const {
    const auto folder_path = path_ / name;
    file_handle folder(::openat(folder_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (folder.get() < 0 && errno == ENOENT) return folder;
    if (folder.get() < 0) fail(errno, folder_path);
    const auto info = status_of(folder, folder_path);
    if (!S_ISDIR(info.st_mode)) refuse_kind(folder_path, info, "directory");
    if (info.st_uid != owner) refuse_owner(folder_path, info.st_uid, owner);
    if ((info.st_mode & others_write) != 0) refuse_mode(folder_path, info, "go-w");
    return folder;
}

std::optional<std::string> read_plain_file(const file_handle& folder, const std::string& name) {
    const file_handle file(::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    file_status info{};
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    return read_open_file(file, name);
}

bool is_private_folder(const fs::path& path, uid_t owner) {
    file_status info{};
    return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == owner && (info.st_mode & 077U) == 0;
}

} // namespace ctms::persistence
