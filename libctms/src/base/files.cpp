// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/files.hpp>

#include <fmt/core.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>

namespace ctms {
namespace {

struct stream_closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

error failure_of(const std::string& path, std::string_view what, int reason) {
    return unavailable(fmt::format("{} cannot be {}", path, what), std::strerror(reason));
}

std::string random_name(const std::string& name) {
    std::array<std::uint32_t, 4> number{};
    if (::getrandom(number.data(), sizeof number, 0) != static_cast<ssize_t>(sizeof number))
        throw std::system_error(errno, std::generic_category(), "getrandom");
    // Linux allows names of at most 255 bytes.
    return fmt::format(".{}.{:08x}{:08x}{:08x}{:08x}.part", name.substr(0, 200), number[0], number[1], number[2], number[3]);
}

// The open descriptor that a path like /dev/stdout refers to. Opening it by name would require permission, and would start at
// the beginning of a file.
std::optional<int> named_descriptor(std::string_view path) {
    if (path == "/dev/stdout") return STDOUT_FILENO;
    if (path == "/dev/stderr") return STDERR_FILENO;
    for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
        if (!path.starts_with(folder)) continue;
        int number = -1;
        const auto digits = path.substr(folder.size());
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (failed == std::errc() && end == digits.data() + digits.size() && number >= 0) return number;
    }
    return std::nullopt;
}

// Returns 0, or the reason why the existing file must not be written to.
int check_special(const struct stat& info) {
    if (S_ISDIR(info.st_mode)) return EISDIR;
    if (S_ISCHR(info.st_mode)) return 0; // only root can create a device
    if (!S_ISFIFO(info.st_mode)) return EINVAL;
    // A pipe of another user would give that user the data.
    return info.st_uid == ::geteuid() || info.st_uid == 0 ? 0 : EPERM;
}

// Without O_NONBLOCK, opening a pipe could wait forever for a writer.
file_handle open_to_read(const std::string& path) {
    return file_handle(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

result<std::string> read_open_file(const std::string& path, const file_handle& file, std::size_t limit,
                                   std::chrono::steady_clock::time_point deadline) {
    const auto fail = [&](int reason) { return failure_of(path, "read", reason); };
    std::string out(limit + 1, '\0');
    std::size_t count = 0;
    while (count <= limit) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd waiting{file.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return fail(ready < 0 ? errno : ETIMEDOUT);
        const auto got = ::read(file.get(), out.data() + count, out.size() - count);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return fail(errno); // for example, it is a directory
        if (got == 0) break;
        count += static_cast<std::size_t>(got);
    }
    if (count > limit) return fail(EFBIG);
    out.resize(count);
    return out;
}

} // namespace

file_handle::~file_handle() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

struct new_file::impl {
    std::string path;
    std::string name;  ///< the last part of the path
    std::string draft; ///< the temporary name; "" if there is none
    new_file_options options;
    file_handle folder; ///< not open if the target is written to directly
    std::unique_ptr<std::FILE, stream_closer> stream;
    int failed = 0; ///< why a write failed

    ~impl() {
        stream.reset();
        remove_draft();
    }

    void remove_draft() {
        if (!draft.empty()) ::unlinkat(folder.get(), draft.c_str(), 0);
        draft.clear();
    }

    int take(file_handle file) {
        stream.reset(::fdopen(file.get(), "w"));
        if (!stream) return errno;
        (void)file.release();
        return 0;
    }

    int open_descriptor(int number) {
        file_handle file(::fcntl(number, F_DUPFD_CLOEXEC, 3));
        return file.get() < 0 ? errno : take(std::move(file));
    }

    int open_special() {
        file_handle file(
            ::openat(folder.get(), name.c_str(), O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC | (options.waits ? 0 : O_NONBLOCK)));
        struct stat info {};
        if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return errno;
        if (const int refused = check_special(info); refused != 0) return refused;
        folder = {};
        return take(std::move(file));
    }

    int open_draft() {
        file_handle file(::openat(folder.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, options.mode));
        const bool can_be_linked = file.get() >= 0 && ::access(link_of(file.get()).c_str(), F_OK) == 0;
        if (!can_be_linked) {
            draft = random_name(name);
            file = file_handle(::openat(folder.get(), draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, options.mode));
            if (file.get() < 0) {
                draft.clear(); // it was not created by us
                return errno;
            }
        }
        if (::fchmod(file.get(), options.mode) != 0) return errno;
        return take(std::move(file));
    }

    static std::string link_of(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

    int open() {
        if (const auto number = named_descriptor(path)) return open_descriptor(*number);
        const auto slash = path.rfind('/');
        name = slash == std::string::npos ? path : path.substr(slash + 1);
        const auto parent = slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
        if (name.empty() || name == "." || name == "..") return EISDIR;
        folder = file_handle(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (folder.get() < 0) return errno;
        struct stat info {};
        const bool exists = ::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
        if (!exists && errno != ENOENT) return errno;
        if (!exists || S_ISREG(info.st_mode) || S_ISLNK(info.st_mode)) return open_draft();
        const int refused = check_special(info);
        return refused != 0 ? refused : open_special();
    }

    // Returns 0, or the reason why not everything was written.
    int flush() {
        if (failed != 0) return failed;
        if (std::fflush(stream.get()) != 0) return errno;
        if (folder.get() < 0 || !options.durable) return 0;
        return ::fsync(::fileno(stream.get())) == 0 ? 0 : errno;
    }

    int give_name() {
        if (draft.empty()) {
            auto wanted = random_name(name);
            const auto source = link_of(::fileno(stream.get()));
            if (::linkat(AT_FDCWD, source.c_str(), folder.get(), wanted.c_str(), AT_SYMLINK_FOLLOW) != 0) return errno;
            draft = std::move(wanted);
        }
        if (std::fclose(stream.release()) != 0) return errno;
        if (::renameat(folder.get(), draft.c_str(), folder.get(), name.c_str()) != 0) return errno;
        draft.clear();
        if (!options.durable) return 0;
        // Flushes the name too. A folder that cannot be read cannot be flushed, but the file is there.
        const file_handle readable(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        return readable.get() < 0 || ::fsync(readable.get()) == 0 || errno == EINVAL ? 0 : errno;
    }
};

new_file::new_file(std::unique_ptr<impl> state) : impl_(std::move(state)) {}
new_file::new_file(new_file&&) noexcept = default;
new_file& new_file::operator=(new_file&&) noexcept = default;
new_file::~new_file() = default;

result<new_file> new_file::create(const std::string& path, const new_file_options& options) {
    auto state = std::make_unique<impl>();
    state->path = path;
    state->options = options;
    if (const int failed = state->open(); failed != 0) return failure_of(path, "written", failed);
    return new_file(std::move(state));
}

bool new_file::write(std::string_view text) {
    auto& state = *impl_;
    if (!state.stream) return false;
    if (state.failed == 0 && std::fwrite(text.data(), 1, text.size(), state.stream.get()) != text.size()) state.failed = errno;
    return state.failed == 0;
}

result<void> new_file::commit() {
    auto& state = *impl_;
    int failed = state.stream ? state.flush() : EBADF;
    if (failed == 0 && state.folder.get() >= 0) failed = state.give_name();
    if (failed == 0 && state.stream && std::fclose(state.stream.release()) != 0) failed = errno;
    if (failed == 0) return {};
    state.remove_draft();
    return failure_of(state.path, "written", failed);
}

result<std::string> read_small_file(const std::string& path, std::size_t limit, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const auto file = open_to_read(path);
    if (file.get() < 0) return failure_of(path, "read", errno);
    return read_open_file(path, file, limit, deadline);
}

result<std::string> read_regular_file(const std::string& path, std::size_t limit) {
    const auto file = open_to_read(path);
    struct stat info {};
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return failure_of(path, "read", errno);
    if (!S_ISREG(info.st_mode)) return unavailable(fmt::format("{} cannot be read", path), "Not a regular file");
    return read_open_file(path, file, limit, std::chrono::steady_clock::now()); // poll() reports regular files as ready
}

} // namespace ctms
