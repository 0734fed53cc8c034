// SPDX-License-Identifier: MPL-2.0
#include "service/circuit_breaker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

using namespace std::chrono_literals;
using ctms::service::circuit_breaker;
using ctms::service::with_jitter;

namespace {

/// Opens the breaker; the next probe is due 800 to 1200 ms after `now`.
void open(circuit_breaker& breaker, circuit_breaker::clock::time_point now) {
    for (int n = 0; n < circuit_breaker::threshold; ++n) breaker.failed(now);
}

/// Checks that the next probe is due after that pause, within the jitter, and returns its time.
circuit_breaker::clock::time_point check_pause(const circuit_breaker& breaker, circuit_breaker::clock::time_point now,
                                               std::chrono::milliseconds pause) {
    const auto probe = breaker.next_probe();
    REQUIRE(probe.has_value());
    CHECK(*probe - now >= pause * 8 / 10);
    CHECK(*probe - now <= pause * 12 / 10);
    return *probe;
}

} // namespace

TEST_CASE("jitter is at most a fifth, in both directions") {
    std::set<std::chrono::milliseconds> seen;
    for (int n = 0; n < 2000; ++n) seen.insert(with_jitter(1000ms));
    CHECK(*seen.begin() >= 800ms);
    CHECK(*seen.begin() < 850ms);
    CHECK(*seen.rbegin() <= 1200ms);
    CHECK(*seen.rbegin() > 1150ms);
    CHECK(with_jitter(0ms) == 0ms);
    CHECK(with_jitter(24h) >= 19h);
}

TEST_CASE("a circuit breaker opens after the third consecutive failure") {
    circuit_breaker breaker(1000ms, 30'000ms);
    const auto now = circuit_breaker::clock::now();
    CHECK_FALSE(breaker.is_open());
    for (int round = 0; round < 3; ++round) {
        breaker.failed(now);
        breaker.failed(now);
        CHECK_FALSE(breaker.is_open());
        CHECK_FALSE(breaker.next_probe().has_value());
        breaker.succeeded();
    }
    open(breaker, now);
    CHECK(breaker.is_open());
    check_pause(breaker, now, 1000ms);
}

TEST_CASE("the probes of several circuit breakers that open at the same time spread") {
    const auto now = circuit_breaker::clock::now();
    std::set<circuit_breaker::clock::time_point> probes;
    for (int n = 0; n < 100; ++n) {
        circuit_breaker breaker(1000ms, 30'000ms);
        open(breaker, now);
        probes.insert(breaker.next_probe().value());
    }
    CHECK(probes.size() > 10);
}

TEST_CASE("the pause doubles with each failed probe up to a maximum, and is reset by a success") {
    circuit_breaker breaker(1000ms, 5000ms);
    auto now = circuit_breaker::clock::now();
    open(breaker, now);
    for (const auto pause : {1000ms, 2000ms, 4000ms, 5000ms, 5000ms}) {
        now = check_pause(breaker, now, pause);
        breaker.failed(now);
    }
    breaker.succeeded();
    CHECK_FALSE(breaker.is_open());
    breaker.failed(now);
    CHECK_FALSE(breaker.is_open());
    breaker.failed(now);
    breaker.failed(now);
    check_pause(breaker, now, 1000ms);
}

TEST_CASE("calls in progress when the circuit opens do not lengthen the pause") {
    circuit_breaker breaker(1000ms, 30'000ms);
    const auto now = circuit_breaker::clock::now();
    open(breaker, now);
    const auto probe = breaker.next_probe();
    for (int n = 0; n < 10; ++n) breaker.failed(now + 1ms * n);
    CHECK(breaker.next_probe() == probe);
}
