// SPDX-License-Identifier: MPL-2.0
// SIGTERM and SIGINT as a stop token, for programs without an event loop; SIGHUP does nothing. Make one before any other thread
// is started.
#pragma once

#include <stop_token>
#include <thread>

namespace ctms::support {

class stop_signals {
public:
    /// Blocks both signals in this thread, and so in those it starts later, and waits for them in a thread of its own.
    stop_signals();
    ~stop_signals();
    stop_signals(const stop_signals&) = delete;
    stop_signals& operator=(const stop_signals&) = delete;

    /// Stopped by the first signal.
    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

private:
    std::stop_source source_;
    std::jthread waiter_;
};

} // namespace ctms::support
