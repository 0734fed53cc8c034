// SPDX-License-Identifier: MPL-2.0
// Clients that are slow in every phase of a request. Most tests use a server in this process, with shorter limits.
#include "peer.hpp"
#include "target.hpp"

#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto short_limit = 1'000ms;

web_fixture::options with_short_limits() {
    ctms::web::limits bounds;
    bounds.header_time = bounds.body_time = bounds.write_time = short_limit;
    bounds.idle_time = 2 * short_limit;
    return {.limits = bounds};
}

/// Waits until `before` the moment when the limit passes, counted from `start`.
void wait_for_limit(steady_clock::time_point start, std::chrono::milliseconds before) {
    std::this_thread::sleep_until(start + short_limit - before);
}

/// Opens connections that send `first`, and `second` just before the limit. Each sends a little later than the one before, so
/// that some bytes arrive exactly when the limit passes. All connections must end soon after.
void check_end_in_time(std::string_view first, std::string_view second) {
    web_fixture web(with_short_limits());
    constexpr std::size_t count = 60;
    for (int round = 0; round < 2; ++round) {
        auto peers = open_peers(web.port(), count);
        for (auto& one : peers) REQUIRE(one.send(first));
        const auto start = steady_clock::now();
        wait_for_limit(start, 10ms);
        for (auto& one : peers) (void)one.offer(second);
        CHECK(still_open(peers, 10s * slowness) == 0);
    }
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

/// Sends a byte at a time, with pauses well below the limit. The connections must end nevertheless.
void check_drip_ends(std::string_view start) {
    web_fixture web(with_short_limits());
    auto peers = open_peers(web.port(), 20);
    for (auto& one : peers) REQUIRE(one.send(start));
    const auto begin = steady_clock::now();
    const auto until = begin + 15s * slowness;
    std::size_t open = peers.size();
    while (open > 0 && steady_clock::now() < until) {
        open = 0;
        for (auto& one : peers) {
            (void)one.offer("a");
            open += one.ends_within(0ms) ? 0 : 1;
        }
        std::this_thread::sleep_for(50ms);
    }
    CHECK(open == 0);
}

} // namespace

TEST_CASE("a body that pauses until just before its limit and then stops is ended") {
    check_end_in_time("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na", std::string(999'900, 'a'));
}

TEST_CASE("a chunked body that pauses until just before its limit and then stops is ended") {
    check_end_in_time("POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                      "10000\r\n" + std::string(0x10000, 'a') + "\r\n");
}

TEST_CASE("a header that pauses until just before its limit and then stops is ended") {
    check_end_in_time("GET / HTTP/1.1\r\nHost: x\r\n", "X: " + std::string(10'000, 'a') + "\r\n");
}

TEST_CASE("a header that drips is ended") { check_drip_ends("GET / HTTP/1.1\r\nHost: x\r\nX: "); }

TEST_CASE("a body that drips is ended") { check_drip_ends("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"); }

TEST_CASE("trailers that drip are ended") {
    check_drip_ends("POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ");
}

TEST_CASE("empty lines that drip are ended") {
    web_fixture web(with_short_limits());
    peer attacker(web.port());
    const auto until = steady_clock::now() + 15s * slowness;
    while (attacker.is_open() && steady_clock::now() < until) {
        (void)attacker.offer("\r\n");
        (void)attacker.ends_within(50ms);
    }
    CHECK_FALSE(attacker.is_open());
}

TEST_CASE("a client that reads an answer too slowly is disconnected") {
    web_fixture web(with_short_limits());
    std::string requests;
    for (int i = 0; i < 300; ++i) requests += "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    auto peers = open_peers(web.port(), 20);
    for (auto& one : peers) (void)one.offer(requests);
    // The clients read nothing until the limit has passed. Then they read what the kernel still holds, up to the end.
    std::this_thread::sleep_for(3 * short_limit); // a sender does not notice the end while the kernel holds bytes for it
    for (auto& one : peers) {
        const auto until = steady_clock::now() + 10s * slowness;
        while (one.is_open() && steady_clock::now() < until) (void)one.read(100ms);
        CHECK_FALSE(one.is_open());
    }
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("an idle connection is ended") {
    web_fixture web(with_short_limits());
    auto peers = open_peers(web.port(), 100);
    for (auto& one : peers) REQUIRE(one.send("GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(still_open(peers, 10s * slowness) == 0);
}

TEST_CASE("a process that was suspended past a limit while clients left survives") {
    target server;
    bystander others(server.port());
    constexpr auto header_time = 10s; // docs/configuration.md
    std::vector<peer> peers;
    for (int batch = 0; batch < 20; ++batch) { // so that their limits pass one after another
        for (auto& one : open_peers(server.port(), 20)) peers.push_back(std::move(one));
        std::this_thread::sleep_for(10ms);
    }
    for (auto& one : peers) REQUIRE(one.send("GET / HTTP/1.1\r\nHost: x\r\n"));
    const auto start = steady_clock::now();
    std::this_thread::sleep_until(start + header_time - 500ms);
    (void)others.stop(); // nobody is served during the suspension
    server.process().signal(SIGSTOP);
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (i % 4 == 0) peers[i].close();
        if (i % 4 == 1) peers[i].reset();
        if (i % 4 == 2) (void)peers[i].offer("A: b\r\n");
    }
    std::this_thread::sleep_until(start + header_time + 500ms);
    server.process().signal(SIGCONT);
    bystander later(server.port());
    CHECK(later.gets(50));
    CHECK(still_open(peers, 15s) == 0);
    check_held(server, later);
}
