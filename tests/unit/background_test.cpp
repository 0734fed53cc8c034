// SPDX-License-Identifier: MPL-2.0
// Coroutines that run beside the one that starts them.
#include <web/server/background.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ctms::test {
namespace {

namespace asio = boost::asio;

using events = std::vector<std::string>;

/// Lets others run `turns` times, then returns the number of turns.
asio::awaitable<int> work(events& seen, int turns) {
    seen.emplace_back("work begins");
    for (int turn = 0; turn < turns; ++turn) co_await asio::post(asio::use_awaitable);
    seen.emplace_back("work ends");
    co_return turns;
}

asio::awaitable<int> fail() {
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error("no");
}

/// Runs `work` beside `turns` turns of its own.
asio::awaitable<void> run_beside(events& seen, int of_work, int turns, std::optional<int>& out) {
    web::background<int> beside(co_await asio::this_coro::executor, work(seen, of_work));
    for (int turn = 0; turn < turns; ++turn) co_await asio::post(asio::use_awaitable);
    seen.emplace_back("waits");
    out = co_await beside.end();
    seen.emplace_back("has waited");
}

void run(asio::awaitable<void> all) {
    asio::io_context io;
    std::exception_ptr failure;
    asio::co_spawn(io, std::move(all), [&](std::exception_ptr thrown) { failure = thrown; });
    io.run();
    if (failure) std::rethrow_exception(failure);
}

} // namespace

TEST_CASE("a coroutine in the background runs while its starter goes on") {
    events seen;
    std::optional<int> out;
    run(run_beside(seen, 3, 20, out));
    CHECK(out == 3);
    CHECK(seen == events{"work begins", "work ends", "waits", "has waited"});
}

TEST_CASE("the starter waits for the end of a coroutine in the background") {
    events seen;
    std::optional<int> out;
    run(run_beside(seen, 20, 1, out));
    CHECK(out == 20);
    CHECK(seen == events{"work begins", "waits", "work ends", "has waited"});
}

TEST_CASE("the starter gets what a coroutine in the background throws, and not before it waits for it") {
    events seen;
    const auto all = [&]() -> asio::awaitable<void> {
        web::background<int> beside(co_await asio::this_coro::executor, fail());
        for (int turn = 0; turn < 5; ++turn) co_await asio::post(asio::use_awaitable);
        seen.emplace_back("waits");
        (void)co_await beside.end();
    };
    CHECK_THROWS_WITH_AS(run(all()), "no", std::runtime_error);
    CHECK(seen == events{"waits"});
}

} // namespace ctms::test
