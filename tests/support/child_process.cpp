// SPDX-License-Identifier: MPL-2.0
#include "child_process.hpp"

#include <boost/json/parse.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
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

std::vector<std::string> as_text(const environment& variables) {
    const char* path = std::getenv("PATH");
    std::vector<std::string> out{std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin")};
    for (const auto& [name, value] : variables) out.push_back(name + "=" + value);
    return out;
}

std::string content_of(int descriptor) {
    std::string out;
    std::array<char, 64 * 1024> part{};
    for (ssize_t count = 1; count > 0;) {
        count = ::pread(descriptor, part.data(), part.size(), static_cast<off_t>(out.size()));
        if (count > 0) out.append(part.data(), static_cast<std::size_t>(count));
    }
    return out;
}

} // namespace

child_process::child_process(std::string program, const environment& variables, std::vector<std::string> arguments)
    : out_(memfd_create("out", MFD_CLOEXEC)), log_(memfd_create("log", MFD_CLOEXEC)) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out_, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log_, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1); // the child must not inherit the test's sockets
    arguments.insert(arguments.begin(), std::move(program));
    auto text = as_text(variables);
    const int problem =
        posix_spawnp(&child_, arguments.front().c_str(), &actions, nullptr, pointers_to(arguments).data(), pointers_to(text).data());
    posix_spawn_file_actions_destroy(&actions);
    if (problem != 0) throw std::runtime_error("cannot run " + arguments.front());
}

child_process::~child_process() {
    if (child_ != 0) {
        signal(SIGKILL);
        (void)wait(10s);
    }
    ::close(out_);
    ::close(log_);
}

void child_process::signal(int number) const {
    if (child_ != 0) ::kill(child_, number);
}

int child_process::wait(std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (child_ != 0) {
        int status = 0;
        if (::waitpid(child_, &status, WNOHANG) == child_) {
            child_ = 0;
            constexpr int signal_base = 128;
            exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : signal_base + WTERMSIG(status);
            break;
        }
        if (std::chrono::steady_clock::now() >= deadline) return -1;
        std::this_thread::sleep_for(1ms);
    }
    return exit_code_;
}

std::string child_process::output() const { return content_of(out_); }

std::string child_process::log() const { return content_of(log_); }

namespace {

/// Whether libpq printed a line: it prints the warning of a server that crashes while it accepts a session.
bool is_warning_of_server(std::string_view line) {
    constexpr std::array<std::string_view, 3> beginnings{"WARNING:  ", "DETAIL:  ", "HINT:  "};
    return std::any_of(beginnings.begin(), beginnings.end(), [&](auto beginning) { return line.starts_with(beginning); });
}

} // namespace

std::vector<boost::json::object> child_process::lines() const {
    std::vector<boost::json::object> out;
    const auto text = log();
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        const auto line = text.substr(begin, end - begin);
        if (is_warning_of_server(line)) continue;
        boost::system::error_code failed;
        const auto parsed = boost::json::parse(line, failed);
        if (failed || !parsed.is_object()) throw std::runtime_error("a log line is not a JSON object: " + line);
        out.push_back(parsed.get_object());
    }
    return out;
}

std::vector<boost::json::object> child_process::fields_of(std::string_view message) const {
    std::vector<boost::json::object> out;
    for (const auto& line : lines()) {
        const auto& fields = line.at("Fields").as_object();
        if (std::string_view(fields.at("msg").as_string()) == message) out.push_back(fields);
    }
    return out;
}

bool child_process::logs(std::string_view message, std::size_t count, std::chrono::milliseconds limit) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (;;) {
        const bool ended = wait(0ms) != -1;
        if (fields_of(message).size() >= count) return true;
        if (ended || std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(5ms);
    }
}

} // namespace ctms::test
