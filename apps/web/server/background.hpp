// SPDX-License-Identifier: MPL-2.0
// A coroutine that runs beside the one that starts it. Private to the server; runs on the I/O thread.
#pragma once

#include "lanes.hpp"

#include <support/http/stream.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <exception>
#include <new>
#include <thread>
#include <utility>

namespace ctms::web {

/// Runs a coroutine that returns a T, which has a default constructor. Whoever starts it must wait for its end() before this object goes,
/// whatever else fails: the coroutine refers to it.
template <class T>
class background {
public:
    /// Starts it. If this throws, it does not run.
    background(const boost::asio::any_io_executor& on, boost::asio::awaitable<T> work) : end_(wait()), ended_(on) {
        ended_.expires_at(std::chrono::steady_clock::time_point::max());
        boost::asio::co_spawn(on, std::move(work), [this](std::exception_ptr failure, T value) {
            failure_ = std::move(failure);
            value_ = std::move(value);
            has_ended_ = true;
            ended_.cancel();
        });
    }
    ~background() = default;
    background(const background&) = delete;
    background& operator=(const background&) = delete;

    /// Waits until it has ended. Returns what it returned, or throws what it threw. Call it once.
    [[nodiscard]] boost::asio::awaitable<T> end() { return std::move(end_); }

private:
    boost::asio::awaitable<T> wait() {
        while (!has_ended_) {
            try {
                boost::system::error_code ignored;
                co_await ended_.async_wait(http::into(ignored));
            } catch (const std::bad_alloc&) {
                std::this_thread::sleep_for(pause_without_memory);
            }
        }
        if (failure_) std::rethrow_exception(failure_);
        co_return std::move(value_);
    }

    boost::asio::awaitable<T> end_; ///< made before the start, because it needs memory
    boost::asio::steady_timer ended_;
    bool has_ended_ = false;
    std::exception_ptr failure_;
    T value_{};
};

} // namespace ctms::web
