// SPDX-License-Identifier: MPL-2.0
// Servers that keep a client waiting: each call ends at its timeout.
#include "expect_timeout.hpp"
#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace ctms;
using namespace ctms::net;
using namespace std::chrono_literals;
using ctms::test::answer_text;
using ctms::test::full_port;
using ctms::test::raw_connection;
using ctms::test::raw_server;

namespace {

constexpr auto timeout = 300ms;

void expect_timeout(const std::string& url, const http_request& request = {}) {
    http_client client(url, {.timeout = timeout});
    ctms::test::expect_timeout(client, timeout, request);
}

} // namespace

TEST_CASE("a call to a server that never answers times out") {
    raw_server server([](raw_connection& peer) { peer.stall(); });
    expect_timeout(server.url());
}

TEST_CASE("a call to a server that does not read times out") {
    raw_server server([](raw_connection& peer) { peer.stall(); });
    expect_timeout(server.url(), {.method = "POST", .body = std::string(32 << 20, 'x')});
}

TEST_CASE("a call to a server that sends single bytes times out") {
    raw_server server([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        for (const char byte : answer_text(std::string(10'000, 'x'))) {
            peer.send(std::string_view(&byte, 1));
            std::this_thread::sleep_for(5ms);
        }
    });
    expect_timeout(server.url());
}

TEST_CASE("a call to a server that does not complete the TLS handshake times out") {
    raw_server server([](raw_connection& peer) { peer.stall(); });
    expect_timeout("https://127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("a call to a server that does not accept the connection times out") {
    const full_port nobody;
    expect_timeout("http://127.0.0.1:" + std::to_string(nobody.port()));
}

TEST_CASE("a request that times out on a kept connection is not repeated") {
    raw_server server([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text(""));
        peer.stall();
    });
    http_client client(server.url(), {.timeout = 2s}); // long enough for the first request
    REQUIRE(client.send({}).has_value());
    ctms::test::expect_timeout(client, 2s);
    CHECK(server.accepted() == 1);
    CHECK(server.wait_closed(1));
}
