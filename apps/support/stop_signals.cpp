// SPDX-License-Identifier: MPL-2.0
#include "stop_signals.hpp"

#include <csignal>
#include <ctime>

namespace ctms::support {
namespace {

sigset_t wanted() {
    sigset_t out;
    sigemptyset(&out);
    sigaddset(&out, SIGTERM);
    sigaddset(&out, SIGINT);
    sigaddset(&out, SIGQUIT);
    return out;
}

} // namespace

void ignore_stray_signals() noexcept {
    // SIGPIPE and SIGXFSZ: the failed write reports the error.
    for (const int number : {SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGIO, SIGPWR, SIGXFSZ}) std::signal(number, SIG_IGN);
}

stop_signals::stop_signals() {
    const auto signals = wanted();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    waiter_ = std::jthread([this](const std::stop_token& end) {
        const auto set = wanted();
        constexpr timespec look_again{0, 200'000'000};
        while (!end.stop_requested()) {
            if (sigtimedwait(&set, nullptr, &look_again) > 0) source_.request_stop();
        }
    });
}

stop_signals::~stop_signals() = default;

} // namespace ctms::support
