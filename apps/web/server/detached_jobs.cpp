// SPDX-License-Identifier: MPL-2.0
#include "detached_jobs.hpp"

#include "lanes.hpp"

#include <support/http/stream.hpp>

#include <boost/asio/post.hpp>

#include <new>
#include <utility>

namespace ctms::web {

namespace asio = boost::asio;

detached_job::detached_job(const asio::any_io_executor& sockets, std::function<void()> work)
    : work_(std::move(work)), ended_(sockets, asio::steady_timer::time_point::max()) {}

asio::awaitable<void> detached_job::end() {
    while (is_taken_ && !has_ended_) {
        boost::system::error_code ignored;
        co_await ended_.async_wait(http::into(ignored));
    }
}

bool detached_jobs::submit(const std::shared_ptr<detached_job>& job, const submitter& to_lane) {
    const auto place = running_.insert(running_.end(), job);
    const auto end = [this, place] {
        (*place)->has_ended_ = true;
        (*place)->ended_.cancel();
        running_.erase(place);
    };
    try {
        job->is_taken_ = to_lane([end, &work = job->work_, sockets = job->ended_.get_executor()] {
            work();
            retry_without_memory([&] { asio::post(sockets, end); });
        });
    } catch (const std::bad_alloc&) { // the lane has not taken it
    }
    if (!job->is_taken_) running_.erase(place);
    return job->is_taken_;
}

} // namespace ctms::web
