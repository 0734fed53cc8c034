// SPDX-License-Identifier: MPL-2.0
// Clients that are slow in every phase of a request. Most run against the server in this process, whose limits are shorter here.
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

/// Waits until the limit has almost passed since `start`: `before` remains.
void wait_for_limit(steady_clock::time_point start, std::chrono::milliseconds before) {
    std::this_thread::sleep_until(start + short_limit - before);
}

/// Opens connections that send `first`, and `second` in the last moments of the limit, each a little later than the one before, so
/// that some arrive when the limit passes. All must have ended soon after.
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

/// Sends a byte at a time, well within the limit each, and must be ended nevertheless.
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

TEST_CASE("a body that pauses until its limit and then stays silent ends") {
    check_end_in_time("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na", std::string(999'900, 'a'));
}

TEST_CASE("a chunked body that pauses until its limit and then stays silent ends") {
    check_end_in_time("POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                      "10000\r\n" + std::string(0x10000, 'a') + "\r\n");
}

TEST_CASE("a header that pauses until its limit and then stays silent ends") {
    check_end_in_time("GET / HTTP/1.1\r\nHost: x\r\n", "X: " + std::string(10'000, 'a') + "\r\n");
}

TEST_CASE("a header that drips ends") { check_drip_ends("GET / HTTP/1.1\r\nHost: x\r\nX: "); }

TEST_CASE("a body that drips ends") { check_drip_ends("POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"); }

TEST_CASE("trailers that drip end") { check_drip_ends("POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: "); }

TEST_CASE("empty lines that drip end") {
    web_fixture web(with_short_limits());
    peer attacker(web.port());
    const auto until = steady_clock::now() + 15s * slowness;
    while (attacker.is_open() && steady_clock::now() < until) {
        (void)attacker.offer("\r\n");
        (void)attacker.ends_within(50ms);
    }
    CHECK_FALSE(attacker.is_open());
}

TEST_CASE("an answer that is taken too slowly ends") {
    web_fixture web(with_short_limits());
    std::string requests;
    for (int i = 0; i < 300; ++i) requests += "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    auto peers = open_peers(web.port(), 20);
    for (auto& one : peers) (void)one.offer(requests);
    // The server is done with them when it counts no connection but the one that asks.
    std::this_thread::sleep_for(3 * short_limit); // the kernel tells a sender nothing of an end while it holds bytes for it
    for (auto& one : peers) {
        const auto until = steady_clock::now() + 10s * slowness;
        while (one.is_open() && steady_clock::now() < until) (void)one.read(100ms);
        CHECK_FALSE(one.is_open());
    }
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("an idle connection ends") {
    web_fixture web(with_short_limits());
    auto peers = open_peers(web.port(), 100);
    for (auto& one : peers) REQUIRE(one.send("GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(still_open(peers, 10s * slowness) == 0);
}

TEST_CASE("a process that stood still over a limit while clients went away lives") {
    target server;
    bystander others(server.port());
    constexpr auto header_time = 10s; // docs/configuration.md
    std::vector<peer> peers;
    for (int batch = 0; batch < 20; ++batch) { // so that limits pass one after another
        for (auto& one : open_peers(server.port(), 20)) peers.push_back(std::move(one));
        std::this_thread::sleep_for(10ms);
    }
    for (auto& one : peers) REQUIRE(one.send("GET / HTTP/1.1\r\nHost: x\r\n"));
    const auto start = steady_clock::now();
    std::this_thread::sleep_until(start + header_time - 500ms);
    (void)others.stop(); // nobody is served meanwhile
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
