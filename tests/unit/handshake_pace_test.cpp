// SPDX-License-Identifier: MPL-2.0
#include <web/server/handshake_pace.hpp>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using ctms::web::handshake_pace;

namespace {

const auto now = handshake_pace::clock::time_point() + 1h;

/// Returns how many of `wanted` handshakes at `cost` may start within `time` from now.
int begun_within(handshake_pace& pace, handshake_pace::clock::duration time, int wanted, handshake_pace::clock::duration cost) {
    int out = 0;
    for (int i = 0; i < wanted; ++i) {
        const auto begin = pace.next("192.0.2.1", "", cost, now, now + 10s);
        if (begin && *begin <= now + time) ++out;
    }
    return out;
}

} // namespace

TEST_CASE("after an initial burst, handshakes of a network take a quarter of the time") {
    handshake_pace pace;
    // At 5 ms each: 50 per second, and 50 more immediately.
    const auto begun = begun_within(pace, 2s, 1'000, 5ms);
    CHECK(begun >= 148);
    CHECK(begun <= 152);
    handshake_pace other;
    CHECK(begun_within(other, 0s, 1'000, 5ms) == 51);
}

TEST_CASE("handshakes of one network do not delay those of another") {
    handshake_pace pace;
    (void)begun_within(pace, 1s, 1'000, 5ms);
    CHECK(pace.next("192.0.2.2", "", 5ms, now, now + 10s) == now);
}

TEST_CASE("a handshake that could not start before its deadline is refused and costs nothing") {
    handshake_pace pace;
    CHECK(begun_within(pace, 10s, 10'000, 5ms) < 10'000);
    CHECK_FALSE(pace.next("192.0.2.1", "", 5ms, now, now + 10s));
    CHECK(pace.next("192.0.2.1", "", 5ms, now + 11s, now + 21s) == now + 11s);
}

TEST_CASE("handshakes that take little time start immediately") {
    handshake_pace pace;
    for (int i = 0; i < 500; ++i) CHECK(pace.next("192.0.2.1", "", 400us, now + i * 2ms, now + 1min) == now + i * 2ms);
}

TEST_CASE("a network is forgotten when its handshakes are paid for") {
    handshake_pace pace;
    for (int i = 0; i < 20'000; ++i) (void)pace.next(std::to_string(i), "", 1ms, now + i * 10ms, now + 1h);
    CHECK(pace.size() < 2'000);
}

TEST_CASE("the networks of a site together get half of the time, and do not delay other sites") {
    handshake_pace pace;
    int begun = 0;
    for (int i = 0; i < 10'000; ++i) {
        const auto begin = pace.next("network " + std::to_string(i), "a site", 5ms, now, now + 10s);
        if (begin && *begin <= now + 2s) ++begun;
    }
    CHECK(begun >= 298); // at 5 ms each: 100 per second, and 100 more immediately
    CHECK(begun <= 302);
    CHECK_FALSE(pace.next("a new network", "a site", 5ms, now, now + 10s));
    CHECK(pace.next("a new network", "another site", 5ms, now, now + 10s) == now);
    CHECK(pace.next("192.0.2.1", "", 5ms, now, now + 10s) == now);
}

TEST_CASE("a busy network leaves half of its site's share to the other networks") {
    handshake_pace pace;
    for (int i = 0; i < 1'000; ++i) (void)pace.next("busy", "a site", 5ms, now, now + 5s);
    const auto begin = pace.next("another", "a site", 5ms, now, now + 10s);
    REQUIRE(begin);
    CHECK(*begin <= now + 2'100ms);
}
