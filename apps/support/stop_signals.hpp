// SPDX-License-Identifier: MPL-2.0
// Turns SIGTERM and SIGINT into a stop token, for programs without an event loop, and ignores SIGHUP. Create the object before
// any other thread is started.
#pragma once

#include <stop_token>
#include <thread>

namespace ctms::support {

class stop_signals {
public:
    /// Blocks both signals in this thread and in the threads that it starts later, and waits for them in a separate thread.
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
