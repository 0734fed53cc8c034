// SPDX-License-Identifier: MPL-2.0
#include "pseudo_terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> out;
    for (auto& word : words) out.push_back(word.data());
    out.push_back(nullptr);
    return out;
}

winsize size_of(int columns, int lines) {
    winsize out{};
    out.ws_col = static_cast<unsigned short>(columns);
    out.ws_row = static_cast<unsigned short>(lines);
    return out;
}

} // namespace

pseudo_terminal::pseudo_terminal(const std::vector<std::string>& words, const std::vector<std::string>& environment, int columns,
                                 int lines) {
    const auto size = size_of(columns, lines);
    if (::openpty(&terminal_, &program_end_, nullptr, nullptr, &size) != 0) throw std::runtime_error("cannot open a terminal");
    ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
    ::fcntl(program_end_, F_SETFD, FD_CLOEXEC);
    auto arguments = words;
    auto variables = environment;
    const char* path = std::getenv("PATH");
    variables.push_back(std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"));
    const auto argv = pointers_to(arguments);
    const auto envp = pointers_to(variables);
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("cannot fork");
    if (child_ == 0) { // only system calls from here: other threads may have held locks
        constexpr int cannot_run = 127;
        if (::login_tty(program_end_) == 0) ::execve(argv[0], argv.data(), envp.data());
        ::_exit(cannot_run);
    }
}

pseudo_terminal::~pseudo_terminal() {
    if (child_ != 0) {
        signal(SIGKILL);
        (void)wait(10s);
    }
    ::close(program_end_);
    ::close(terminal_);
}

void pseudo_terminal::type(std::string_view keys) const {
    if (::write(terminal_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) throw std::runtime_error("cannot type");
}

void pseudo_terminal::resize(int columns, int lines) const {
    const auto size = size_of(columns, lines);
    if (::ioctl(terminal_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("cannot resize");
}

void pseudo_terminal::signal(int number) const {
    if (child_ != 0) ::kill(child_, number);
}

bool pseudo_terminal::read_some(std::chrono::milliseconds limit) {
    pollfd waiting{terminal_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(limit.count())) <= 0) return false;
    std::array<char, 4096> part{};
    const auto count = ::read(terminal_, part.data(), part.size());
    if (count <= 0) return false;
    output_.append(part.data(), static_cast<std::size_t>(count));
    return true;
}

bool pseudo_terminal::shows(std::string_view text, std::size_t from, std::chrono::milliseconds limit) {
    const auto deadline = clock_type::now() + limit;
    while (output_.find(text, from) == std::string::npos) {
        if (clock_type::now() >= deadline) return false;
        if (!read_some(50ms) && wait(0ms) != -1) return output_.find(text, from) != std::string::npos;
    }
    return true;
}

int pseudo_terminal::wait(std::chrono::milliseconds limit) {
    const auto deadline = clock_type::now() + limit;
    int status = 0;
    while (child_ != 0 && ::waitpid(child_, &status, WNOHANG) == 0) {
        if (clock_type::now() >= deadline) return -1;
        (void)read_some(10ms);
    }
    while (read_some(0ms)) {
    }
    if (child_ == 0) return 0;
    child_ = 0;
    constexpr int signal_base = 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : signal_base + WTERMSIG(status);
}

termios pseudo_terminal::settings() const {
    termios out{};
    if (::tcgetattr(program_end_, &out) != 0) throw std::runtime_error("cannot read the terminal's settings");
    return out;
}

} // namespace ctms::test
