// SPDX-License-Identifier: MPL-2.0
// Jobs that run beside the coroutines that began them, or after these have ended.
#include <web/server/detached_jobs.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace ctms::test {
namespace {

namespace asio = boost::asio;

using events = std::vector<std::string>;

/// A lane that runs what it has when it is told to, on a thread of its own.
class held_lane {
public:
    web::detached_jobs::submitter submitter() {
        return [this](std::function<void()> job) {
            job_ = std::move(job);
            return true;
        };
    }
    void run() {
        std::thread thread(std::exchange(job_, nullptr));
        thread.join();
    }

private:
    std::function<void()> job_;
};

/// Notes on which thread it is destroyed.
struct marker {
    explicit marker(std::optional<std::thread::id>& place) : gone(&place) {}
    marker(const marker&) = delete;
    marker& operator=(const marker&) = delete;
    ~marker() { *gone = std::this_thread::get_id(); }
    std::optional<std::thread::id>* gone;
};

} // namespace

TEST_CASE("the coroutine that began a job goes on, and then waits for the end of the job") {
    asio::io_context io;
    web::detached_jobs jobs;
    held_lane lane;
    events seen;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            const auto job = std::make_shared<web::detached_job>(io.get_executor(), [&] { seen.emplace_back("job"); });
            CHECK(jobs.submit(job, lane.submitter()));
            seen.emplace_back("goes on");
            asio::post(io, [&] {
                seen.emplace_back("waits");
                lane.run();
            });
            co_await job->end();
            seen.emplace_back("has waited");
        },
        asio::detached);
    io.run();
    CHECK(seen == events{"goes on", "waits", "job", "has waited"});
}

TEST_CASE("a job that has ended is not waited for") {
    asio::io_context io;
    web::detached_jobs jobs;
    held_lane lane;
    bool has_waited = false;
    const auto job = std::make_shared<web::detached_job>(io.get_executor(), [] {});
    CHECK(jobs.submit(job, lane.submitter()));
    lane.run();
    io.run();
    io.restart();
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            co_await job->end();
            has_waited = true;
        },
        asio::detached);
    CHECK(io.poll() > 0);
    CHECK(has_waited);
}

TEST_CASE("a job keeps what it uses after its coroutine has gone, and gives it back on the thread of the sockets") {
    asio::io_context io;
    web::detached_jobs jobs;
    held_lane lane;
    std::optional<std::thread::id> gone;
    bool is_done = false;
    {
        auto kept = std::make_shared<marker>(gone);
        CHECK(jobs.submit(std::make_shared<web::detached_job>(io.get_executor(), [kept, &is_done] { is_done = true; }), lane.submitter()));
    }
    CHECK_FALSE(gone);
    lane.run();
    CHECK(is_done);
    CHECK_FALSE(gone);
    io.run();
    CHECK(gone == std::this_thread::get_id());
}

TEST_CASE("a job that no lane takes is not kept, and can be submitted again") {
    asio::io_context io;
    web::detached_jobs jobs;
    held_lane lane;
    std::optional<std::thread::id> gone;
    int runs = 0;
    auto job = std::make_shared<web::detached_job>(io.get_executor(), [kept = std::make_shared<marker>(gone), &runs] { ++runs; });
    CHECK_FALSE(jobs.submit(job, [](const auto&) { return false; }));
    CHECK_FALSE(jobs.submit(job, [](const auto&) -> bool { throw std::bad_alloc(); }));
    CHECK_FALSE(job->is_taken());
    bool has_waited = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            co_await job->end(); // nothing to wait for
            has_waited = true;
        },
        asio::detached);
    io.run();
    CHECK(has_waited);
    io.restart();
    CHECK(jobs.submit(job, lane.submitter()));
    CHECK(job->is_taken());
    lane.run();
    io.run();
    CHECK(runs == 1);
    job.reset();
    CHECK(gone);
}

} // namespace ctms::test
