// SPDX-License-Identifier: MPL-2.0
// The second port of ctms-web, for probes and metrics. It must answer whatever happens to the first port, and resist attacks itself.
#include "peer.hpp"
#include "target.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <charconv>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

std::uint16_t ops_port_of(target& server) {
    constexpr std::string_view key = "\"ops_port\":";
    const auto log = server.process().log();
    const auto at = log.find(key);
    REQUIRE(at != std::string::npos);
    std::uint16_t port = 0;
    std::from_chars(log.data() + at + key.size(), log.data() + log.size(), port);
    return port;
}

void check_probes(std::uint16_t port) {
    for (const auto* path : {"/__lbheartbeat__", "/metrics", "/__heartbeat__", "/__lbheartbeat__"}) {
        CAPTURE(path);
        peer probe(port, "127.0.0.91");
        REQUIRE(probe.send(request_text("GET", path)));
        CHECK(probe.receive(5s * slowness).status == 200);
    }
}

} // namespace

TEST_CASE("the ops port answers while the other port is flooded") {
    target server({"CTMS_OPS_PORT=0"});
    const auto port = ops_port_of(server);
    auto idle = open_peers(server.port(), 2'000, loopback_addresses(75, 8));
    for (auto& one : idle) (void)one.offer("POST /ctms HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    check_probes(port);
    idle.clear();
    auto guesses = open_peers(server.port(), 300, loopback_addresses(100, 9));
    for (auto& one : guesses)
        (void)one.offer(
            request_text("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}}, "client_id=id_x&client_secret=wrong"));
    check_probes(port);
    guesses.clear();
    bystander others(server.port());
    check_held(server, others, {.stops_within = 32s});
}

TEST_CASE("the ops port withstands idle, slow and large clients") {
    target server({"CTMS_OPS_PORT=0"});
    const auto port = ops_port_of(server);
    bystander others(server.port());
    for (const auto* sent : {"", "GET /metr", "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"}) {
        auto held = open_peers(port, 400, loopback_addresses(2, 10));
        for (auto& one : held) (void)one.offer(sent);
        check_probes(port);
    }
    peer attacker(port);
    std::string lines;
    for (int i = 0; i < 10'000; ++i) lines += "A: b\r\n";
    REQUIRE(attacker.send("POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"));
    constexpr std::size_t most = 64 * 1024 * 1024;
    CHECK(flood(attacker, lines, most, 5s * slowness) < most);
    for (const auto* path : {"/token", "/ctms", "/updates", "/docs"}) {
        peer stranger(port);
        REQUIRE(stranger.send(request_text("GET", path)));
        CHECK(stranger.receive().status == 404);
    }
    check_probes(port);
    check_held(server, others);
}
