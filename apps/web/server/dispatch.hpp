// SPDX-License-Identifier: MPL-2.0
// Has exchanges answered on the lanes of their routes, while their coroutines wait on the thread of the sockets.
// Private to the server; its functions are for that thread, but abandon() is for any.
#pragma once

#include "exchange.hpp"
#include "lanes.hpp"
#include "limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace ctms::web {

class dispatcher {
public:
    /// All of them must last as long as it is used; it must outlive the jobs of the lanes.
    dispatcher(const exchanger& exchanges, lanes& threads, const limits& bounds, support::prometheus_metrics& metrics)
        : exchanges_(exchanges), threads_(threads), bounds_(bounds), metrics_(metrics) {}

    /// Runs the handler where its route says, and the steps that it leaves (next_step) where they say. 503 when too many requests
    /// wait there, or when this one waited for too long; 429 when too many of its owner wait.
    [[nodiscard]] boost::asio::awaitable<void> execute(boost::asio::any_io_executor sockets, exchange& one);

    /// Has the next piece of an answer made, as exchanger::next_piece(). While too many wait for the lane it tries again: what is
    /// under way already can wait best.
    [[nodiscard]] boost::asio::awaitable<std::optional<bool>> next_piece(boost::asio::any_io_executor sockets, exchange& one,
                                                                         std::string& piece);

    /// From now on, what waits is answered with 503 and not run.
    void abandon() noexcept { abandoned_ = true; }

    [[nodiscard]] const exchanger& exchanges() const noexcept { return exchanges_; }

private:
    /// An exchange that waits for its lane, and how its coroutine goes on after it, on the thread of the sockets.
    struct waiting_exchange {
        exchange* one;
        std::function<void()> resume;
    };
    bool submit(const boost::asio::any_io_executor& sockets, exchange& one, std::function<void()> resume);
    void run(const std::vector<waiting_exchange>& waiting) const noexcept;
    boost::asio::awaitable<void> go_on(boost::asio::any_io_executor sockets, exchange& one);
    queued submit_next(const boost::asio::any_io_executor& sockets, exchange& one, std::function<void()> resume);
    void run_next(exchange& one) const noexcept;

    const exchanger& exchanges_;
    lanes& threads_;
    const limits& bounds_;
    support::prometheus_metrics& metrics_;
    std::atomic<bool> abandoned_ = false;
    std::map<const route*, std::shared_ptr<gathering<waiting_exchange>>> together_; ///< by route
};

} // namespace ctms::web
