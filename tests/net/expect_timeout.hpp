// SPDX-License-Identifier: MPL-2.0
// Checks that a call ends by its timeout.
#pragma once

#include <ctms/net/http_client.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace ctms::test {

/// Sends, and expects that the call takes `timeout` and not much longer.
inline void expect_timeout(net::http_client& client, std::chrono::milliseconds timeout, const net::http_request& request = {}) {
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = client.send(request);
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE(!answer);
    CHECK(answer.error().code == errc::unavailable);
    CHECK(answer.error().detail == "timed out");
    CHECK(took >= timeout - std::chrono::milliseconds(1));
    CHECK(took < timeout + std::chrono::seconds(15)); // no server of these tests would let it end before that
}

} // namespace ctms::test
