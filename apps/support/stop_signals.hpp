// SPDX-License-Identifier: MPL-2.0
// The signals of the daemons. stop_signals turns SIGTERM, SIGINT and SIGQUIT into a stop token, for programs without an event loop;
// create it before any other thread is started.
#pragma once

#include <stop_token>
#include <thread>

namespace ctms::support {

/// Ignores the signals that would end the process without need: SIGHUP, which programs that can reload files handle later, and those
/// that mean nothing to the programs.
void ignore_stray_signals() noexcept;

class stop_signals {
public:
    /// Blocks the signals in this thread and in the threads that it starts later, and waits for them in a separate thread.
    stop_signals();
    ~stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// The token; the first signal requests the stop.
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

private:
    std::stop_source source_;
    std::jthread waiter_;
};

} // namespace ctms::support
