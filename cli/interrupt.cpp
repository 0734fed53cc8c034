// SPDX-License-Identifier: MPL-2.0
#include "interrupt.hpp"

#include <atomic>

namespace ctms::cli {
namespace {

std::atomic<bool> stop_asked{false}; // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): signal handlers reach nothing else
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void ask_to_stop(int) { stop_asked = true; }

} // namespace

// A handler and no waiting thread: the threads of the connection pool run already, and a signal may reach any of them.
interrupt::interrupt() {
    stop_asked = false;
    struct sigaction action {};
    action.sa_handler = ask_to_stop; // NOLINT(cppcoreguidelines-pro-type-union-access): POSIX has it so
    action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before_int_);
    sigaction(SIGTERM, &action, &before_term_);
}

interrupt::~interrupt() {
    sigaction(SIGINT, &before_int_, nullptr);
    sigaction(SIGTERM, &before_term_, nullptr);
}

bool interrupt::asked() noexcept { return stop_asked; }

} // namespace ctms::cli
