// SPDX-License-Identifier: MPL-2.0
// Runs exchanges on the lanes of their routes while their coroutines wait on the I/O thread.
// Private to the server. Call its functions on the I/O thread only, except abandon(), which any thread may call.
#pragma once

#include "exchange.hpp"
#include "lanes.hpp"
#include "limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace ctms::web {

class dispatcher {
public:
    /// All arguments must outlive the dispatcher, and the dispatcher must outlive the jobs of the lanes. Once `draining` is set, a secret
    /// that has to wait to be verified is answered with 503: a queue of them could use up the time to drain.
    dispatcher(const exchanger& exchanges, lanes& threads, const limits& bounds, support::prometheus_metrics& metrics,
               const std::atomic<bool>& draining)
        : exchanges_(exchanges), threads_(threads), bounds_(bounds), metrics_(metrics), draining_(draining) {}

    /// Runs the handler on the lane of its route, and each next_step that it returns on the lane of that step. Answers 503 if too many
    /// requests are waiting there or this one waited too long, and 429 if too many of the same owner are waiting.
    [[nodiscard]] boost::asio::awaitable<void> execute(boost::asio::any_io_executor sockets, exchange& one);

    /// Makes the next piece of a streamed response on its lane, as exchanger::next_piece() does. Waits for the lane like run_on_lane().
    [[nodiscard]] boost::asio::awaitable<std::optional<bool>> next_piece(boost::asio::any_io_executor sockets, exchange& one,
                                                                         std::string& piece);

    /// Runs `work`, which may not throw, on the lane of the exchange's route. While too many requests wait for the lane, it keeps trying
    /// for up to limits::waiting_time; then it returns false, and `one.facts.error` says why.
    [[nodiscard]] boost::asio::awaitable<bool> run_on_lane(boost::asio::any_io_executor sockets, exchange& one,
                                                           const std::function<void()>& work);

    /// From now on, answers waiting requests with 503 instead of running them.
    void abandon() noexcept { abandoned_ = true; }

    [[nodiscard]] const exchanger& exchanges() const noexcept { return exchanges_; }

private:
    bool submit(const boost::asio::any_io_executor& sockets, exchange& one, std::function<void()> resume);
    void run(const boost::asio::any_io_executor& sockets, std::vector<waiting_exchange> waiting) const noexcept;
    boost::asio::awaitable<void> go_on(boost::asio::any_io_executor sockets, exchange& one);
    queued submit_next(const boost::asio::any_io_executor& sockets, exchange& one, std::function<void()> resume);
    void run_next(exchange& one) const noexcept;

    const exchanger& exchanges_;
    lanes& threads_;
    const limits& bounds_;
    support::prometheus_metrics& metrics_;
    const std::atomic<bool>& draining_;
    std::atomic<bool> abandoned_ = false;
    std::map<const route*, job_group> groups_; ///< by route: exchanges of one route may run together
};

} // namespace ctms::web
