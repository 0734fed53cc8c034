// SPDX-License-Identifier: MPL-2.0
// Signals during attacks, and system limits that are reached.
#include "peer.hpp"
#include "target.hpp"

#include <support/web_fixture.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <sys/resource.h>

#include <csignal>

using namespace ctms::test;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t mib = 1024 * 1024;

std::string filled(std::string_view text, std::size_t size) {
    std::string out;
    while (out.size() + text.size() <= size) out += text;
    return out;
}

/// Checks that SIGTERM ends the server with exit code 0 within `limit`.
void check_stops(target& server, std::chrono::seconds limit) {
    const auto sent = steady_clock::now();
    server.process().signal(SIGTERM);
    const auto code = server.process().wait(limit + 15s * slowness);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - sent);
    MESSAGE("ended with ", code, " after ", took.count(), " ms");
    CHECK(code == 0);
    CHECK(took <= limit);
}

} // namespace

TEST_CASE("SIGHUP does not end the server") {
    survives([](target& server) {
        for (int i = 0; i < 5; ++i) {
            server.process().signal(SIGHUP);
            std::this_thread::sleep_for(20ms); // several pending signals would count as one
        }
        bystander later(server.port());
        CHECK(later.gets(20));
        CHECK(server.is_alive());
    });
}

TEST_CASE("a server with clients that are slow in every phase stops within its drain time") {
    ctms::web::limits bounds;
    bounds.drain_time = 3s;
    web_fixture web({.limits = bounds});
    auto idle = open_peers(web.port(), 50, loopback_addresses(20));
    auto headers = open_peers(web.port(), 50, loopback_addresses(20, 1));
    auto bodies = open_peers(web.port(), 50, loopback_addresses(20, 2));
    auto readers = open_peers(web.port(), 50, loopback_addresses(20, 3));
    for (auto& one : headers) (void)one.offer("GET / HTTP/1.1\r\nHo");
    for (auto& one : bodies) (void)one.offer("POST /ctms HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    for (auto& one : readers) (void)one.offer(filled("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 100'000));
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
    web.begin_stop();
    CHECK(web.stopped_within(bounds.drain_time + 2s * slowness));
}

TEST_CASE("SIGTERM ends a server during a flood of malformed multipart bodies and wrong secrets") {
    target server;
    auto garbage = open_peers(server.port(), 60, loopback_addresses(30));
    const auto body = "--b\r\nContent-Disposition: form-data" + filled(";a", mib - 2'000) + "\r\n\r\nx\r\n--b--\r\n";
    for (auto& one : garbage) (void)one.send(request_text("POST", "/token", {{"Content-Type", "multipart/form-data; boundary=b"}}, body));
    auto guesses = open_peers(server.port(), 300, loopback_addresses(100, 1));
    for (auto& one : guesses)
        (void)one.send(request_text("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                                    fmt::format("client_id={}&client_secret=wrong", target::client)));
    check_stops(server, 10s * slowness); // nothing of it is worth the time to drain
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they reserve terabytes of address space
TEST_CASE("a process at its memory limit refuses requests and survives") {
    target server;
    server.limit(RLIMIT_AS, server.address_space() + 24 * mib);
    const auto body = target::request("POST", "/ctms", R"({"email":{"primary_email":")" + filled("a", mib - 2'000) + R"("}})");
    const auto secret = request_text("POST", "/token", {{"Content-Type", "application/x-www-form-urlencoded"}},
                                     fmt::format("client_id={}&client_secret={}", target::client, target::secret));
    for (int round = 0; round < 3 && server.is_alive(); ++round) {
        auto large = open_peers(server.port(), 24, loopback_addresses(12));
        auto tokens = open_peers(server.port(), 4, loopback_addresses(4));
        for (auto& one : tokens) (void)one.send(secret);
        for (auto& one : large) (void)one.offer(body);
        for (auto& one : large) (void)one.send(body.substr(0, 500'000), 1s);
        for (auto& one : tokens) {
            try {
                const auto status = one.receive(20s).status;
                CAPTURE(status);
                CHECK((status == 200 || status == 503));
            } catch (const std::runtime_error&) { // closed instead, which is fine
            }
        }
    }
    CHECK(server.is_alive());
    bystander others(server.port());
    CHECK(others.gets(20));
    check_held(server, others);
}
#endif
