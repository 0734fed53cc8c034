// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <web/server/lanes.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

using namespace ctms::web;

namespace {

/// A group that notes which exchanges ran together. An exchange is represented by a number.
class noted_group {
public:
    std::function<void()> after = [] {}; ///< called after each run

    /// Submits a numbered exchange.
    bool submit(lanes& threads, lane where, int number, const std::string& owner = "", bool alone = false) {
        return threads.submit(where, owner, group_, {reinterpret_cast<exchange*>(&numbers_[static_cast<std::size_t>(number)]), [] {}},
                              alone);
    }
    std::vector<std::vector<int>> runs; ///< filled by the threads of the lane: use a lane of one thread

private:
    void note(const std::vector<waiting_exchange>& some) {
        auto& run = runs.emplace_back();
        for (const auto& one : some) run.push_back(static_cast<int>(reinterpret_cast<char*>(one.one) - numbers_.data()));
        after();
    }
    std::array<char, 1000> numbers_{};
    job_group group_{.run = [this](const std::vector<waiting_exchange>& some) { note(some); }};
};

/// Occupies the thread of a lane until it is freed.
class held_thread {
public:
    held_thread(lanes& threads, lane where, const std::string& owner = "") {
        auto busy = std::make_shared<std::promise<void>>(); // the thread may still use it when this object has gone
        auto is_busy = busy->get_future();
        REQUIRE(threads.submit(where, owner, [busy, freed = free_.get_future().share()] {
            busy->set_value();
            freed.wait();
        }));
        is_busy.wait();
    }
    void free() { free_.set_value(); }

private:
    std::promise<void> free_;
};

constexpr lane_sizes single{.read = 1, .write = 1, .password = 1, .platform = 1};

} // namespace

TEST_CASE("work that a lane's thread must do is retried until there is memory") {
    int tries = 0;
    CHECK(retry_without_memory([&] {
              if (++tries < 3) throw std::bad_alloc();
              return tries;
          }) == 3);
}

TEST_CASE("exchanges that wait for a busy thread run together, at most 16, and do not hold up the job of another client") {
    noted_group group;
    std::size_t other_behind = 0;
    {
        lanes threads(single, 100);
        held_thread held(threads, lane::read);
        for (int i = 0; i < 40; ++i) CHECK(group.submit(threads, lane::read, i, "id_a"));
        CHECK(threads.submit(lane::read, "id_b", [&] { other_behind = group.runs.size(); }));
        held.free();
    }
    REQUIRE(group.runs.size() == 3);
    CHECK(group.runs[0].size() == 16);
    CHECK(group.runs[1].size() == 16);
    CHECK(group.runs[2].size() == 8);
    CHECK(group.runs[2].back() == 39);
    CHECK(other_behind == 1);
}

TEST_CASE("an exchange that must be alone runs alone") {
    noted_group group;
    {
        lanes threads(single, 100);
        held_thread held(threads, lane::write);
        CHECK(group.submit(threads, lane::write, 0));
        CHECK(group.submit(threads, lane::write, 1, "", true));
        CHECK(group.submit(threads, lane::write, 2));
        held.free();
    }
    CHECK(group.runs == std::vector<std::vector<int>>{{0, 2}, {1}});
}

TEST_CASE("clients take turns in a lane, also within a group") {
    noted_group group;
    std::vector<std::string> order;
    {
        lanes threads(single, 100);
        held_thread held(threads, lane::read);
        const auto add = [&](const std::string& owner) {
            CHECK(threads.submit(lane::read, owner, [&order, owner] { order.push_back(owner); }));
        };
        for (int i = 0; i < 3; ++i) add("id_flood");
        for (int i = 0; i < 20; ++i) CHECK(group.submit(threads, lane::read, i, "id_many"));
        add("id_few");
        CHECK(group.submit(threads, lane::read, 100, "id_few"));
        held.free();
    }
    CHECK(order == std::vector<std::string>{"id_flood", "id_flood", "id_few", "id_flood"}); // the group gave id_few a turn already
    REQUIRE(group.runs.size() == 2);
    CHECK(group.runs[0].size() == 16);
    CHECK(group.runs[0][0] == 0);
    CHECK(group.runs[0][1] == 100); // the other client's exchange does not wait for the flood
    CHECK(group.runs[0][2] == 1);
    CHECK(group.runs[1] == std::vector{15, 16, 17, 18, 19});
}

TEST_CASE("the threads of the lane for reads share the exchanges of a group") {
    std::mutex mutex;
    std::vector<std::size_t> sizes;
    std::array<char, 40> numbers{};
    job_group group{.run = [&](const std::vector<waiting_exchange>& some) {
        const std::lock_guard lock(mutex);
        sizes.push_back(some.size());
    }};
    {
        lanes threads({.read = 2, .write = 1, .password = 1, .platform = 1}, 100);
        held_thread first(threads, lane::read);
        held_thread second(threads, lane::read);
        for (auto& one : numbers) CHECK(threads.submit(lane::read, "", group, {reinterpret_cast<exchange*>(&one), [] {}}, false));
        first.free();
        second.free();
    }
    REQUIRE(sizes.size() > 3);
    CHECK(std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}) == 40);
    CHECK(*std::max_element(sizes.begin(), sizes.end()) == 16);
    CHECK(sizes.back() == 1);
}

TEST_CASE("no client has all threads while another one uses the lane") {
    std::atomic<int> most = 0;
    std::atomic<int> now = 0;
    const auto flood = [&](lanes& threads) {
        for (int i = 0; i < 8; ++i) {
            CHECK(threads.submit(lane::read, "id_a", [&] {
                most = std::max(most.load(), ++now);
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
                --now;
            }));
        }
    };
    const lane_sizes two{.read = 2, .write = 1, .password = 1, .platform = 1};
    SUBCASE("alone, it takes all") {
        {
            lanes threads(two, 100);
            flood(threads);
        }
        CHECK(most == 2);
    }
    SUBCASE("beside another one, it leaves a thread free") {
        {
            lanes threads(two, 100);
            std::promise<void> done;
            REQUIRE(threads.submit(lane::read, "id_b", [&] { done.set_value(); }));
            done.get_future().wait();
            flood(threads);
        }
        CHECK(most == 1);
    }
    SUBCASE("two others have both threads: it waits for one of their jobs") {
        std::vector<std::string> order; // filled by the thread that is free, which goes on after the job of id_c
        std::vector<std::string> until_c;
        {
            lanes threads(two, 100);
            held_thread of_a(threads, lane::read, "id_a");
            held_thread of_b(threads, lane::read, "id_b");
            for (int i = 0; i < 4; ++i) {
                for (const auto* one : {"id_a", "id_b"}) CHECK(threads.submit(lane::read, one, [&order, one] { order.emplace_back(one); }));
            }
            std::promise<void> done;
            CHECK(threads.submit(lane::read, "id_c", [&] {
                order.emplace_back("id_c");
                until_c = order;
                done.set_value();
            }));
            of_b.free();
            done.get_future().wait();
            CHECK(until_c == std::vector<std::string>{"id_b", "id_c"});
            of_a.free();
        }
        most = 2;
    }
    SUBCASE("a request of an unknown client is no other client") {
        {
            lanes threads(two, 100);
            std::promise<void> done;
            REQUIRE(threads.submit(lane::read, "", [&] { done.set_value(); }));
            done.get_future().wait();
            flood(threads);
        }
        CHECK(most == 2);
    }
}

TEST_CASE("a lane accepts only as many jobs as may wait") {
    noted_group group;
    {
        lanes threads(single, 3);
        held_thread held(threads, lane::read);
        CHECK(group.submit(threads, lane::read, 1));
        CHECK(threads.submit(lane::read, "", [] {}));
        CHECK(group.submit(threads, lane::read, 2));
        CHECK_FALSE(group.submit(threads, lane::read, 3));
        CHECK_FALSE(threads.submit(lane::read, "", [] {}));
        CHECK(threads.submit(lane::write, "", [] {}));
        held.free();
    }
    CHECK(group.runs == std::vector<std::vector<int>>{{1, 2}}); // every accepted exchange ran
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
