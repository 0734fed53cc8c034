// SPDX-License-Identifier: MPL-2.0
// Runs the handlers of a server on one thread and calls a function several times a second, which enforces the deadlines. An exception
// that a handler throws outside the coroutines ends its own connection; the loop reports it and goes on. Not thread safe: for the
// thread of run(), except that context() may be stopped and posted to from any thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <functional>

namespace ctms::http {

class ticking_loop {
public:
    /// `tick` returns false when it does not need to be called again. `failed` receives what a handler or `tick` threw (if memory runs
    /// out, for example), and must not throw; `tick` is then called again.
    ticking_loop(std::chrono::milliseconds period, std::function<bool()> tick, std::function<void(const std::exception&)> failed);
    ticking_loop(const ticking_loop&) = delete;
    ticking_loop& operator=(const ticking_loop&) = delete;

    [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }

    /// Returns when the context has nothing left to do or was stopped.
    void run();
    /// Calls `tick` as soon as the thread is free, without waiting for the period to end.
    void tick_soon() { timer_.cancel(); }

private:
    bool runs_to_the_end() noexcept;
    void tick();

    std::chrono::milliseconds period_;
    std::function<bool()> tick_;
    std::function<void(const std::exception&)> failed_;
    boost::asio::io_context context_{1};
    boost::asio::steady_timer timer_{context_};
    bool is_ticking_ = false;
};

} // namespace ctms::http
