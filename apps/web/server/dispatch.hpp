// SPDX-License-Identifier: MPL-2.0
// Runs exchanges on the lanes of their routes while their coroutines wait on the I/O thread.
// Private to the server. Call its functions on the I/O thread only, except abandon(), which any thread may call.
#pragma once

#include "detached_jobs.hpp"
#include "exchange.hpp"
#include "lanes.hpp"
#include "limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace ctms::web {

/// The next piece of a streamed response, which a lane makes while the client receives the one before it.
struct piece_ahead {
    struct contents {
        contents(std::shared_ptr<exchange> of, std::string buffer) : one(std::move(of)), text(std::move(buffer)) {}
        std::shared_ptr<exchange> one;
        std::string text;
        result<bool> more = service_unavailable(); ///< as exchanger::next_piece() returns it; `unavailable` also if no lane took the job
        std::atomic<bool> is_wanted{true};         ///< false: a job that has not begun does nothing
    };
    std::shared_ptr<contents> made; ///< belongs to the job until end_piece() has returned, except `is_wanted`
    std::shared_ptr<detached_job> job;
};

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

    /// Begins to make the next piece of a streamed response on the lane of its route, with the memory of `buffer`. The caller waits for it
    /// with end_piece() before it uses `one.answer.rest` or `one.facts.error` again.
    [[nodiscard]] piece_ahead begin_piece(const boost::asio::any_io_executor& sockets, std::shared_ptr<exchange> one, std::string buffer);
    /// Waits until the piece is made. Waits for the lane like run_on_lane() if it has not taken the job.
    [[nodiscard]] boost::asio::awaitable<void> end_piece(boost::asio::any_io_executor sockets, piece_ahead ahead);

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
    bool submit(const piece_ahead& ahead);
    boost::asio::awaitable<bool> wait_for_lane(boost::asio::any_io_executor sockets, exchange& one,
                                               std::chrono::steady_clock::time_point until);

    const exchanger& exchanges_;
    lanes& threads_;
    const limits& bounds_;
    support::prometheus_metrics& metrics_;
    const std::atomic<bool>& draining_;
    std::atomic<bool> abandoned_ = false;
    detached_jobs pieces_;
    std::map<const route*, job_group> groups_; ///< by route: exchanges of one route may run together
};

} // namespace ctms::web
