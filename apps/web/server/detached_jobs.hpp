// SPDX-License-Identifier: MPL-2.0
// Jobs of lanes that run while the coroutines that began them do something else. Such a coroutine may end before its job: if an operation
// lacks memory, Asio destroys the coroutine. So what a job uses is kept here until the job has ended. Private to the server; call the
// functions on the I/O thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <list>
#include <memory>

namespace ctms::web {

class detached_job {
public:
    /// `work` may not throw, and owns all that it uses or refers to what outlives the lanes. It is called at most once, on a thread of a
    /// lane, and destroyed on the I/O thread.
    detached_job(const boost::asio::any_io_executor& sockets, std::function<void()> work);
    detached_job(const detached_job&) = delete;
    detached_job& operator=(const detached_job&) = delete;

    /// Whether a lane has it.
    [[nodiscard]] bool is_taken() const noexcept { return is_taken_; }
    /// Waits until it has run, if a lane has it. One coroutine may wait.
    [[nodiscard]] boost::asio::awaitable<void> end();

private:
    friend class detached_jobs;

    std::function<void()> work_;
    boost::asio::steady_timer ended_;
    bool is_taken_ = false;
    bool has_ended_ = false;
};

/// It must outlive the jobs.
class detached_jobs {
public:
    /// Passes a function to a lane. Returns false, or throws std::bad_alloc, if the lane does not take it.
    using submitter = std::function<bool(std::function<void()>)>;

    /// Passes a job that no lane has to a lane. Returns whether the lane took it.
    bool submit(const std::shared_ptr<detached_job>& job, const submitter& to_lane);

private:
    std::list<std::shared_ptr<detached_job>> running_;
};

} // namespace ctms::web
