// SPDX-License-Identifier: MPL-2.0
// The metrics port of ctms-sync.
#include "peer.hpp"
#include "target.hpp"

#include <support/child_process.hpp>
#include <support/sync_scene.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <csignal>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

/// A running ctms-sync and its metrics port.
struct sync_target {
    sync_target() {
        constexpr auto listening = "Listening for metrics requests";
        REQUIRE(program.logs(listening));
        port = program.fields_of(listening).front().at("port").to_number<std::uint16_t>();
    }
    [[nodiscard]] int status_of_metrics(const std::string& from = "127.0.0.90") const {
        try {
            peer reader(port, from);
            (void)reader.send(request_text("GET", "/metrics"));
            return reader.receive(10s * slowness).status;
        } catch (const std::runtime_error&) {
            return 0;
        }
    }
    /// Checks that it runs, serves its metrics and does its work, and that SIGTERM ends it.
    void check_held() {
        CHECK(program.wait(0ms) == -1);
        CHECK(status_of_metrics() == 200);
        scene.add_contacts(1, 3);
        const auto patience = steady_clock::now() + 20s * slowness;
        while (scene.queued() > 0 && steady_clock::now() < patience) std::this_thread::sleep_for(20ms);
        CHECK(scene.queued() == 0);
        program.signal(SIGTERM);
        CHECK(program.wait(10s * slowness) == 0);
    }

    sync_scene scene;
    child_process program{CTMS_SYNC, scene.variables({{"CTMS_BACKGROUND_METRICS_PORT", "0"}, {"CTMS_ACOUSTIC_LOOP_MIN_SECS", "1"}})};
    std::uint16_t port = 0;
};

constexpr auto chunked = "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";

} // namespace

TEST_CASE("ctms-sync: trailers with a name or value of more than 64 KiB end at most their own connection") {
    sync_target sync;
    for (const auto& trailer : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b"}) {
        peer attacker(sync.port);
        (void)attacker.send(chunked + trailer + "\r\n\r\n");
        (void)attacker.ends_within(10s * slowness);
        CHECK(sync.program.wait(0ms) == -1);
    }
    sync.check_held();
}

TEST_CASE("ctms-sync: endless headers, trailers and empty lines end the connection") {
    sync_target sync;
    for (const auto& attack : std::vector<std::pair<std::string, std::string>>{
             {chunked, "A: b\r\n"}, {"GET /metrics HTTP/1.1\r\n", "A: b\r\n"}, {"\r\n", "\r\n"}, {"GET /", "aaaaaaaa"}}) {
        const auto& piece = attack.second; // Clang 14 cannot capture a structured binding
        std::string pieces;
        for (int i = 0; i < 10'000; ++i) pieces += piece;
        peer attacker(sync.port);
        REQUIRE(attacker.send(attack.first));
        constexpr std::size_t most = 64 * 1024 * 1024;
        CAPTURE(piece);
        CHECK(flood(attacker, pieces, most, 10s * slowness) < most);
        CHECK_FALSE(attacker.is_open());
    }
    sync.check_held();
}

TEST_CASE("ctms-sync: bytes that are not HTTP, and resets, end their connection") {
    sync_target sync;
    for (const auto& bytes : {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), std::string("\0\0\0\0\r\n\r\n", 8),
                              std::string("GET / HTTP/9.9\r\n\r\n"), std::string("\r\n")}) {
        for (int i = 0; i < 50; ++i) {
            peer attacker(sync.port);
            (void)attacker.send(bytes);
            if (i % 2 == 0) {
                attacker.reset();
            } else {
                attacker.finish_sending();
                CHECK(attacker.ends_within(10s * slowness));
            }
        }
    }
    sync.check_held();
}

TEST_CASE("ctms-sync: idle connections from one address leave room for a reader from another") {
    sync_target sync;
    auto idle = open_peers(sync.port, 100);
    for (auto& one : idle) (void)one.offer("GET /me");
    CHECK(sync.status_of_metrics() == 200);
    CHECK(still_open(idle, 30s * slowness) == 0);
    sync.check_held();
}
