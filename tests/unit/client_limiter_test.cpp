// SPDX-License-Identifier: MPL-2.0
// Limits of clients: what is admitted, and how the fields of draft-ietf-httpapi-ratelimit-headers-11 describe it.
#include <web/server/client_limiter.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::web;
using namespace std::chrono_literals;
using ctms::model::client_limits;
using ctms::model::request_rate;

namespace {

/// A limiter with a clock of its own.
class timed_limiter {
public:
    explicit timed_limiter(std::size_t most = 100) : limiter_(most) {}
    admission admit(const client_limits& limits, const std::string& client = "id_a") { return limiter_.admit(client, limits, now_); }
    /// How many of `tried` requests, each answered at once, are admitted.
    int admitted(const client_limits& limits, int tried, const std::string& client = "id_a") {
        int count = 0;
        for (int i = 0; i < tried; ++i) count += admit(limits, client).refused ? 0 : 1;
        return count;
    }
    void pass(std::chrono::milliseconds time) { now_ += time; }

private:
    client_limiter limiter_;
    client_limiter::clock::time_point now_{1h};
};

client_limits rate_of(int requests, std::chrono::seconds window, int burst) {
    return {.rate = request_rate{requests, window, burst}, .concurrency = {}};
}

client_limits at_once(int count) { return {.rate = {}, .concurrency = count}; }

} // namespace

TEST_CASE("a client may send its burst at once, and then as many as the rate allows") {
    timed_limiter limiter;
    const auto limits = rate_of(100, 1s, 200);
    CHECK(limiter.admitted(limits, 1000) == 200);
    limiter.pass(100ms);
    CHECK(limiter.admitted(limits, 1000) == 10);
    limiter.pass(1h);
    CHECK(limiter.admitted(limits, 1000) == 200);
    CHECK(limiter.admitted(limits, 1000, "id_b") == 200);
}

TEST_CASE("a refused request uses up nothing and says when to come again") {
    timed_limiter limiter;
    const auto limits = rate_of(1, 60s, 1);
    CHECK_FALSE(limiter.admit(limits).refused);
    for (int i = 0; i < 50; ++i) {
        const auto refused = limiter.admit(limits);
        REQUIRE(refused.refused == limit_kind::rate);
        CHECK(refused.retry_after == 60s);
        CHECK(refused.reason == "The limit of this client is 1 per 60 s, with a burst of 1");
    }
    limiter.pass(30'500ms);
    CHECK(limiter.admit(limits).retry_after == 30s);
    limiter.pass(29'500ms);
    CHECK_FALSE(limiter.admit(limits).refused);
}

TEST_CASE("requests in progress are limited until they end") {
    timed_limiter limiter;
    const auto limits = at_once(2);
    auto first = limiter.admit(limits);
    const auto second = limiter.admit(limits);
    const auto third = limiter.admit(limits);
    CHECK_FALSE(first.refused);
    CHECK_FALSE(second.refused);
    REQUIRE(third.refused == limit_kind::concurrency);
    CHECK(third.retry_after == 1s);
    CHECK(third.reason == "The limit of requests in progress of this client is 2");
    CHECK_FALSE(limiter.admit(limits, "id_b").refused);
    first.release();
    first.release();
    const auto moved = limiter.admit(limits);
    CHECK_FALSE(moved.refused);
    CHECK(limiter.admit(limits).refused);
}

TEST_CASE("an admission that is moved counts once") {
    timed_limiter limiter;
    const auto limits = at_once(1);
    {
        auto first = limiter.admit(limits);
        admission second;
        second = std::move(first);
        const admission third(std::move(second));
        CHECK(limiter.admit(limits).refused);
    }
    CHECK_FALSE(limiter.admit(limits).refused);
}

TEST_CASE("a client without limits has no fields and is not counted") {
    timed_limiter limiter(1);
    const auto free = limiter.admit({});
    CHECK(free.is_decided);
    CHECK_FALSE(free.refused);
    CHECK(free.policy.empty());
    CHECK(free.state.empty());
    CHECK_FALSE(admission().is_decided);
}

TEST_CASE("the fields describe the limits and what is left") {
    struct sample {
        client_limits limits;
        std::string policy;
        std::string state;
    };
    const client_limits both{.rate = request_rate{100, 1s, 200}, .concurrency = 20};
    for (const auto& one : std::vector<sample>{
             {both, R"("rate";q=200;w=2, "concurrency";q=20;qu="concurrent-requests")", R"("rate";r=199;t=1, "concurrency";r=19)"},
             {rate_of(100, 1s, 50), R"("rate";q=100;w=1)", R"("rate";r=49;t=1)"},
             {rate_of(600, 60s, 10), R"("rate";q=10;w=1)", R"("rate";r=9;t=1)"},
             {rate_of(10, 3600s, 1), R"("rate";q=1;w=360)", R"("rate";r=0;t=360)"},
             {rate_of(7, 60s, 3), R"("rate";q=3;w=26)", R"("rate";r=2;t=9)"},
             {at_once(1), R"("concurrency";q=1;qu="concurrent-requests")", R"("concurrency";r=0)"}}) {
        CAPTURE(one.policy);
        timed_limiter limiter;
        const auto got = limiter.admit(one.limits);
        CHECK(got.policy == one.policy);
        CHECK(got.state == one.state);
    }
    timed_limiter limiter;
    CHECK(limiter.admitted(rate_of(1, 60s, 2), 2) == 2);
    const auto refused = limiter.admit(rate_of(1, 60s, 2));
    CHECK(refused.state == R"("rate";r=0;t=60)"); // not later than Retry-After
    CHECK(refused.policy == R"("rate";q=2;w=120)");
}

TEST_CASE("a changed limit holds for the next request") {
    timed_limiter limiter;
    CHECK(limiter.admitted(rate_of(1, 3600s, 100), 60) == 60);
    CHECK(limiter.admitted(rate_of(1, 3600s, 10), 60) == 10);
    CHECK(limiter.admitted({}, 60) == 60);
    CHECK(limiter.admitted(at_once(1), 60) == 60);
    CHECK(limiter.admitted(rate_of(1, 3600s, 10), 60) == 10); // what was sent without a rate does not count
}

TEST_CASE("the table of clients is bounded, and forgets only clients without requests in progress") {
    timed_limiter limiter(2);
    const auto limits = at_once(1);
    const auto first = limiter.admit(limits, "id_1");
    CHECK(limiter.admitted(limits, 1, "id_2") == 1);
    CHECK(limiter.admitted(limits, 1, "id_3") == 1);
    CHECK(limiter.admit(limits, "id_1").refused);
    const auto second = limiter.admit(limits, "id_2");
    const auto beyond = limiter.admit(limits, "id_4");
    CHECK_FALSE(beyond.refused);
    CHECK(beyond.policy.empty());
    CHECK_FALSE(limiter.admit(limits, "id_4").refused);
    CHECK(limiter.admit(limits, "id_2").refused);
}
