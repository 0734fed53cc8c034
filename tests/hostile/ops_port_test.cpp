// SPDX-License-Identifier: MPL-2.0
// The second port of ctms-web, for probes and metrics. It must answer whatever happens to the first port, and resist attacks itself.
#include "peer.hpp"
#include "target.hpp"

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <charconv>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

std::uint16_t ops_port_of(const server_process& server) {
    constexpr std::string_view key = "\"ops_port\":";
    const auto log = server.log();
    const auto at = log.find(key);
    REQUIRE(at != std::string::npos);
    std::uint16_t port = 0;
    std::from_chars(log.data() + at + key.size(), log.data() + log.size(), port);
    return port;
}

int status_of(std::uint16_t port, const char* path, std::chrono::milliseconds limit) {
    peer probe(port, "127.0.0.91");
    REQUIRE(probe.send(request_text("GET", path)));
    return probe.receive(limit).status;
}

/// Every answer must arrive within the limit, and one of five must be good: on a busy machine the check of the database can take longer
/// than the server waits for it.
void check_heartbeat(std::uint16_t port, std::chrono::milliseconds limit) {
    int status = 0;
    for (int i = 0; i < 5 && status != 200; ++i) {
        status = status_of(port, "/__heartbeat__", limit);
        CHECK((status == 200 || status == 503));
    }
    CHECK(status == 200);
}

void check_probes(std::uint16_t port) {
    for (const auto* path : {"/__lbheartbeat__", "/metrics"}) {
        CAPTURE(path);
        CHECK(status_of(port, path, 5s * slowness) == 200);
    }
    check_heartbeat(port, 5s * slowness);
    CHECK(status_of(port, "/__lbheartbeat__", 5s * slowness) == 200);
}

} // namespace

TEST_CASE("the ops port answers while the other port is flooded") {
    target server({"CTMS_OPS_PORT=0"});
    const auto port = ops_port_of(server.process());
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
    const auto port = ops_port_of(server.process());
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

TEST_CASE("a flood of requests for the metrics does not fail the heartbeat") {
    // Each client has series of its own, so the metrics are long.
    const test_database database;
    ctms::persistence::connection(database.options())
        .execute("insert into api_client (client_id, email, enabled, hashed_secret)"
                 " select 'id_client_' || i, 'a@example.com', true, 'x' from generate_series(1, 2000) i");
    const server_process server(CTMS_WEB, {"CTMS_DB_URL=" + database.url(), "CTMS_OPS_PORT=0",
                                           "CTMS_SECRET_KEY=the key that signs the tokens of the tests of attacks"});
    const auto ops_port = ops_port_of(server);
    std::string requests;
    for (int i = 0; i < 100; ++i) requests += request_text("GET", "/metrics");
    for (const auto flooded : {server.port(), ops_port}) {
        auto attackers = open_peers(flooded, flooded == ops_port ? 45 : 490, {"127.0.0.3"});
        for (auto& one : attackers) (void)one.offer(requests);
        const auto until = std::chrono::steady_clock::now() + 6s * slowness;
        while (std::chrono::steady_clock::now() < until) {
            for (const auto port : {server.port(), ops_port}) {
                CAPTURE(port == ops_port);
                check_heartbeat(port, 20s);
            }
        }
    }
}
