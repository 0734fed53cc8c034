// SPDX-License-Identifier: MPL-2.0
#include "interrupts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <stdexcept>

namespace ctms::cli {
namespace {

// A signal handler can access only global variables.
std::atomic<bool> wanted = false; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::array<int, 2> ends{-1, -1};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void handle(int signal) {
    const int kept = errno;
    if (signal != SIGWINCH) wanted = true;
    const char byte = 's';
    // If the pipe is full, the write fails, but the reader wakes up anyway.
    if (::write(ends[1], &byte, 1) < 0) errno = 0;
    errno = kept;
}

} // namespace

interrupts::interrupts(bool resizes) {
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("a pipe cannot be created");
    wanted = false;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) {
        if (signal == SIGWINCH && !resizes) continue;
        struct sigaction action {};
        action.sa_handler = handle; // NOLINT(cppcoreguidelines-pro-type-union-access): POSIX requires it
        // System calls in progress continue; sending the signal a second time ends the program immediately.
        action.sa_flags = SA_RESTART | (signal == SIGWINCH ? 0 : static_cast<int>(SA_RESETHAND));
        ::sigaction(signal, &action, &before_[signal]);
    }
}

interrupts::~interrupts() {
    for (const auto& [signal, action] : before_) ::sigaction(signal, &action, nullptr);
    for (auto& end : ends) {
        ::close(end);
        end = -1;
    }
}

bool interrupts::requested() { return wanted; }

int interrupts::descriptor() const { return ends[0]; }

void interrupts::clear() const {
    std::array<char, 64> bytes{};
    while (::read(ends[0], bytes.data(), bytes.size()) > 0) {
    }
}

} // namespace ctms::cli
