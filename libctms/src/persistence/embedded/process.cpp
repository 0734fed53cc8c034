// SPDX-License-Identifier: MPL-2.0
#include "process.hpp"

#include <ctms/base/files.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace ctms::persistence {

namespace {

void check(int failure, const std::string& what) {
    if (failure != 0) throw std::system_error(failure, std::generic_category(), what);
}

class file_actions {
public:
    explicit file_actions(const command& what) {
        check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init");
        // The log comes first: its descriptor may be 3, which is replaced below.
        if (what.log >= 0) {
            ::posix_spawn_file_actions_adddup2(&actions_, what.log, 1);
        } else {
            ::posix_spawn_file_actions_addopen(&actions_, 1, "/dev/null", O_WRONLY, 0);
        }
        ::posix_spawn_file_actions_adddup2(&actions_, 1, 2);
        if (what.descriptor_3 >= 0) ::posix_spawn_file_actions_adddup2(&actions_, what.descriptor_3, 3);
        ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, what.descriptor_3 >= 0 ? 4 : 3);
    }
    file_actions(const file_actions&) = delete;
    file_actions& operator=(const file_actions&) = delete;
    ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

// Resets the signals, because the caller may block or ignore some that the program needs.
class clean_signals {
public:
    clean_signals() {
        check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    clean_signals(const clean_signals&) = delete;
    clean_signals& operator=(const clean_signals&) = delete;
    ~clean_signals() { ::posix_spawnattr_destroy(&attributes_); }
    [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

private:
    posix_spawnattr_t attributes_{};
};

std::string search_path() {
    const char* path = std::getenv("PATH");
    return path != nullptr && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin";
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

int run_and_wait(const command& what) {
    const file_actions actions(what);
    const clean_signals signals;
    auto arguments = what.arguments;
    // PGDATA, PGPORT and similar variables must not reach the server.
    std::vector<std::string> environment{"PATH=" + search_path(), "LC_ALL=C.UTF-8"};
    pid_t child = 0;
    check(::posix_spawnp(&child, arguments.front().c_str(), actions.get(), signals.get(), pointers(arguments).data(),
                         pointers(environment).data()),
          what.arguments.front());
    return wait_for(child);
}

std::optional<std::string> output_of(std::vector<std::string> arguments) {
    const file_handle memory(::memfd_create("output", MFD_CLOEXEC));
    if (memory.get() < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    if (run_and_wait({std::move(arguments), memory.get(), -1}) != 0) return std::nullopt;
    std::string text(64 << 10, '\0');
    const auto count = ::pread(memory.get(), text.data(), text.size(), 0);
    if (count < 0) throw std::system_error(errno, std::generic_category(), "pread");
    text.resize(static_cast<std::size_t>(count));
    return text;
}

std::optional<std::filesystem::path> find_program(std::string_view name) {
    const auto path = search_path();
    for (std::size_t from = 0; from <= path.size();) {
        const auto to = std::min(path.size(), path.find(':', from));
        const auto candidate = std::filesystem::path(path.substr(from, to - from)) / name;
        if (to > from && ::access(candidate.c_str(), X_OK) == 0) return candidate;
        from = to + 1;
    }
    return std::nullopt;
}

} // namespace ctms::persistence
