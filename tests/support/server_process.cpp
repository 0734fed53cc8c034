// SPDX-License-Identifier: MPL-2.0
#include "server_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

/// The port that the line "Listening" tells, or 0 as long as there is none.
std::uint16_t listening_port(const std::string& log) {
    constexpr std::string_view key = "\"port\":";
    if (log.find("\"Listening\"") == std::string::npos) return 0;
    const auto at = log.find(key);
    std::uint16_t port = 0;
    if (at != std::string::npos) std::from_chars(log.data() + at + key.size(), log.data() + log.size(), port);
    return port;
}

} // namespace

server_process::server_process(std::string program, std::vector<std::string> environment) : log_(memfd_create("log", MFD_CLOEXEC)) {
    environment.insert(environment.end(), {"HOST=127.0.0.1", "PORT=0"});
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, log_, STDERR_FILENO);
    std::vector<std::string> words{std::move(program)};
    const int problem =
        posix_spawn(&child_, words.front().c_str(), &actions, nullptr, pointers_to(words).data(), pointers_to(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("cannot run " + words.front());
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while ((port_ = listening_port(log())) == 0) {
        if (std::chrono::steady_clock::now() > deadline || wait(0ms) != -1) throw std::runtime_error("ctms-web does not listen: " + log());
        std::this_thread::sleep_for(2ms);
    }
}

server_process::~server_process() {
    if (child_ != 0) {
        signal(SIGKILL);
        (void)wait(10s);
    }
    ::close(log_);
}

void server_process::signal(int number) const {
    if (child_ != 0) ::kill(child_, number);
}

int server_process::wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (child_ != 0) {
        int status = 0;
        if (::waitpid(child_, &status, WNOHANG) == child_) {
            child_ = 0;
            constexpr int signal_base = 128;
            return WIFEXITED(status) ? WEXITSTATUS(status) : signal_base + WTERMSIG(status);
        }
        if (std::chrono::steady_clock::now() >= deadline) break;
        std::this_thread::sleep_for(1ms);
    }
    return -1;
}

std::string server_process::log() const {
    std::string out;
    std::array<char, 64 * 1024> part{};
    for (ssize_t count = 1; count > 0;) {
        count = ::pread(log_, part.data(), part.size(), static_cast<off_t>(out.size()));
        if (count > 0) out.append(part.data(), static_cast<std::size_t>(count));
    }
    return out;
}

} // namespace ctms::test
