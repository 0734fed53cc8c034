// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>

namespace ctms::test {
namespace {

/// An in-memory file that a child process writes to.
class memory_file {
public:
    memory_file() : descriptor_(::memfd_create("output", MFD_CLOEXEC)) {
        if (descriptor_ < 0) throw std::runtime_error("memfd_create failed");
    }
    ~memory_file() { ::close(descriptor_); }
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;

    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] std::string content() const {
        std::string out;
        std::array<char, 4096> part{};
        for (ssize_t count = 1; count > 0;) {
            count = ::pread(descriptor_, part.data(), part.size(), static_cast<off_t>(out.size()));
            if (count > 0) out.append(part.data(), static_cast<std::size_t>(count));
        }
        return out;
    }

private:
    int descriptor_;
};

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

} // namespace

outcome run_program(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
    const memory_file out;
    const memory_file err;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.descriptor(), STDERR_FILENO);
    auto arguments = words;
    auto variables = environment;
    const char* path = std::getenv("PATH");
    variables.push_back(std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"));
    pid_t child = 0;
    const int problem =
        posix_spawn(&child, words.front().c_str(), &actions, nullptr, pointers_to(arguments).data(), pointers_to(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("cannot run " + words.front());
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out.content(), err.content()};
}

outcome run_admin(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
    std::vector<std::string> words{CTMS_ADMIN};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words, environment);
}

} // namespace ctms::test
