// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <web/server/lanes.hpp>

#include <future>
#include <set>

using namespace ctms::web;

namespace {

/// Adds an item; returns true if one more worker was requested.
bool push(gathering<int>& waiting, int item) {
    bool is_sent = false;
    waiting.push(item, 2, [&] { is_sent = true; });
    return is_sent;
}

} // namespace

TEST_CASE("a gathering requests up to the allowed number of workers, and another when one has ended") {
    gathering<int> waiting;
    CHECK(push(waiting, 1));
    CHECK(push(waiting, 2));
    CHECK(!push(waiting, 3));
    CHECK(waiting.take(16, 1) == std::vector{1, 2, 3});
    CHECK(!push(waiting, 4)); // the first worker comes again
    CHECK(waiting.take(16, 1) == std::vector{4});
    CHECK(waiting.take(16, 1).empty());
    CHECK(push(waiting, 5));
}

TEST_CASE("a gathering keeps no item if its worker could not be requested") {
    gathering<int> waiting;
    CHECK_THROWS_AS(waiting.push(1, 1, [] { throw std::bad_alloc(); }), std::bad_alloc);
    CHECK(push(waiting, 2));
    CHECK(waiting.take(16, 1) == std::vector{2});
}

TEST_CASE("a lane without memory for a job counts nothing and accepts the next job") {
    struct expensive {
        expensive() = default;
        expensive(const expensive&) = default;
        expensive(expensive&& other) : may_move(other.may_move) {
            if (!may_move) throw std::bad_alloc();
        }
        bool may_move = true;
        void operator()() const {}
    };
    lanes threads({.read = 1, .write = 1, .password = 1, .platform = 1}, 1);
    expensive job;
    job.may_move = false;
    for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(threads.submit(lane::read, job), std::bad_alloc);
    std::promise<void> done;
    CHECK(threads.submit(lane::read, [&] { done.set_value(); }));
    CHECK(done.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
}

TEST_CASE("work that a lane's thread must do is retried until there is memory") {
    int tries = 0;
    CHECK(retry_without_memory([&] {
              if (++tries < 3) throw std::bad_alloc();
              return tries;
          }) == 3);
}

TEST_CASE("waiting items are shared among workers in order, and one worker never takes all of them") {
    gathering<int> waiting;
    for (int i = 0; i < 50; ++i) (void)push(waiting, i);
    CHECK(waiting.take(16, 2).size() == 16);
    CHECK(waiting.take(100, 2).size() == 17);
    CHECK(waiting.take(100, 2).front() == 33);
    CHECK(waiting.take(100, 2).size() == 4);
}

TEST_CASE("items that wait for a busy thread are processed together and do not hold up other jobs") {
    lanes threads({.read = 1, .write = 1, .password = 1, .platform = 1}, 100);
    std::promise<void> free;
    std::promise<void> done;
    const auto waiting = std::make_shared<gathering<int>>();
    std::vector<std::vector<int>> runs; // filled by the one thread of the lane
    bool other_ran = false;
    std::size_t other_behind = 0;
    CHECK(threads.submit(lane::read, [&] { free.get_future().wait(); }));
    const auto run = [&](std::vector<int> items) {
        runs.push_back(std::move(items));
        if (runs.size() == 3) done.set_value();
    };
    for (int i = 0; i < 40; ++i) CHECK(threads.submit(lane::read, waiting, i, run));
    CHECK(threads.submit(lane::read, [&] {
        other_ran = true;
        other_behind = runs.size();
    }));
    free.set_value();
    REQUIRE(done.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    CHECK(runs[0].size() == 16);
    CHECK(runs[1].size() == 16);
    CHECK(runs[2].size() == 8);
    CHECK(runs[2].back() == 39);
    CHECK(other_ran);
    CHECK(other_behind == 1);
}

TEST_CASE("a lane accepts only as many jobs as may wait") {
    std::promise<void> free;
    std::promise<void> busy;
    const auto waiting = std::make_shared<gathering<int>>();
    {
        lanes threads({.read = 1, .write = 1, .password = 1, .platform = 1}, 3);
        CHECK(threads.submit(lane::read, [&] {
            busy.set_value();
            free.get_future().wait();
        }));
        busy.get_future().wait();
        const auto run = [](const std::vector<int>&) {};
        CHECK(threads.submit(lane::read, waiting, 1, run));
        CHECK(threads.submit(lane::read, [] {}));
        CHECK(threads.submit(lane::read, waiting, 2, run));
        CHECK(!threads.submit(lane::read, waiting, 3, run));
        CHECK(!threads.submit(lane::read, [] {}));
        CHECK(threads.submit(lane::write, [] {}));
        free.set_value();
    }
    CHECK(waiting->take(16, 1).empty()); // every accepted item was processed
}

TEST_CASE("a job of the password lane learns whether it had to wait, and is refused if it may not wait") {
    std::promise<void> free;
    std::promise<void> done;
    std::vector<bool> waited; // by the one thread of the lane
    lanes threads({.read = 1, .write = 1, .password = 1, .platform = 1}, 10);
    const auto hold = [&](bool had_to_wait) {
        waited.push_back(had_to_wait);
        free.get_future().wait();
    };
    const auto note = [&](bool had_to_wait) {
        waited.push_back(had_to_wait);
        if (waited.size() == 3) done.set_value();
    };
    CHECK(threads.submit_in_turn("a", hold, false) == queued::taken);
    CHECK(threads.submit_in_turn("b", note, false) == queued::full);
    CHECK(threads.submit_in_turn("b", note, true) == queued::taken);
    CHECK(threads.submit_in_turn("b", note, true) == queued::taken);
    free.set_value();
    REQUIRE(done.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    CHECK(waited == std::vector{false, true, true});
}
