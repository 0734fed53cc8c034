// SPDX-License-Identifier: MPL-2.0
// Many connections, from one address or many, that do nothing, end early or are reset.
#include "peer.hpp"
#include "target.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/resource.h>

#include <system_error>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// Holds `count` connections open. Clients that connect before and after them must be served.
void hold_idle(target& server, std::size_t count, const std::vector<std::string>& from, std::string_view sent = {}) {
    bystander newcomer(server.port(), "127.0.0.78");
    auto peers = open_peers(server.port(), count, from);
    for (auto& one : peers) (void)one.offer(sent);
    CHECK(newcomer.gets(100));
    bystander late(server.port(), "127.0.0.79");
    CHECK(late.gets(50));
    for (auto* one : {&newcomer, &late}) check_all_served(one->stop());
}

} // namespace

TEST_CASE("1,500 idle connections from one address leave room for others") {
    survives([](target& server) { hold_idle(server, 1'500, {"127.0.0.1"}); });
}

TEST_CASE("1,500 connections from one address with an incomplete request leave room for others") {
    survives([](target& server) { hold_idle(server, 1'500, {"127.0.0.1"}, "GET / HTTP/1.1\r\nHo"); });
}

TEST_CASE("3,000 idle connections from many addresses leave room for others") {
    survives([](target& server) { hold_idle(server, 3'000, loopback_addresses(75)); });
}

TEST_CASE("3,000 connections from many addresses with an incomplete request leave room for others") {
    survives([](target& server) {
        hold_idle(server, 3'000, loopback_addresses(75, 1), "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    });
}

TEST_CASE("connections that are closed immediately do not affect others") {
    survives([](target& server) {
        for (int i = 0; i < 5'000; ++i) peer one(server.port(), fmt::format("127.0.2.{}", 1 + i % 200));
    });
}

TEST_CASE("connections that are reset immediately or in the middle of a request do not affect others") {
    survives([](target& server) {
        for (int i = 0; i < 3'000; ++i) {
            peer one(server.port(), fmt::format("127.0.3.{}", 1 + i % 200));
            if (i % 3 == 1) (void)one.offer("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n");
            if (i % 3 == 2) (void)one.offer("POST /ctms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{");
            one.reset();
        }
        CHECK(server.descriptors() < 200);
    });
}

TEST_CASE("half-closed connections are answered and closed") {
    survives([](target& server) {
        auto peers = open_peers(server.port(), 200);
        for (auto& one : peers) {
            (void)one.offer("GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n\r\n");
            one.finish_sending();
        }
        CHECK(still_open(peers, 5s * slowness) == 0);
    });
}

TEST_CASE("a process that ran out of descriptors serves again when some are free") {
    target server;
    constexpr std::size_t room = 40;
    server.limit(RLIMIT_NOFILE, server.descriptors() + room);
    {
        const auto peers = open_peers(server.port(), 400, loopback_addresses(40, 4));
        const auto before = server.cpu_time();
        std::this_thread::sleep_for(1s); // the time over which the CPU time is measured
        CHECK(server.cpu_time() - before < 500ms * slowness);
        CHECK(server.is_alive());
    }
    bystander others(server.port());
    CHECK(others.gets(20));
    check_held(server, others);
}
