// SPDX-License-Identifier: MPL-2.0
// Stopping the server: nothing that was started is lost.
#include <support/held_writes.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <list>
#include <stdexcept>
#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

/// A request for a token, from an address behind a trusted proxy.
std::string token_request(int address, std::string_view client, std::string_view secret) {
    return request_text("POST", "/token",
                        {{"Content-Type", "application/x-www-form-urlencoded"}, {"X-Forwarded-For", fmt::format("198.51.100.{}", address)}},
                        fmt::format("client_id={}&client_secret={}", client, secret));
}

bool takes_connections(web_fixture& web) {
    try {
        return http_connection(web.port()).ask("GET", "/__lbheartbeat__").status != 0;
    } catch (const std::runtime_error&) { // includes std::system_error
        return false;
    }
}

} // namespace

TEST_CASE("a server without connections stops immediately") {
    web_fixture web;
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
    web.begin_stop();
    CHECK(web.stopped_within(5s));
}

TEST_CASE("a request in progress is answered before the server stops") {
    web_fixture web;
    held_writes held(web);
    http_connection connection(web.port());
    REQUIRE(connection.send(web.contact_request()));
    REQUIRE(held.hold(1));
    web.begin_stop();
    CHECK(becomes_true([&] { return !takes_connections(web); }));
    CHECK_FALSE(web.stopped_within(0ms));
    held.release();
    const auto answer = connection.receive();
    CHECK(answer.status == 201);
    CHECK_FALSE(answer.keep_alive);
    CHECK(connection.ends_within(5s));
    CHECK(web.stopped_within(5s));
    CHECK(web.sql("select from emails").size() == 1);
}

TEST_CASE("the load balancer's heartbeat reports that the server is stopping") {
    ctms::web::limits bounds;
    bounds.drain_idle_time = 10s;
    web_fixture web({.limits = bounds});
    http_connection connection(web.port());
    REQUIRE(connection.ask("GET", "/__lbheartbeat__").status == 200);
    web.begin_stop();
    const auto answer = connection.ask("GET", "/__lbheartbeat__");
    CHECK(answer.status == 503);
    CHECK_FALSE(answer.keep_alive);
    CHECK(connection.ends_within(5s));
    CHECK(web.stopped_within(5s));
}

TEST_CASE("idle connections are closed") {
    web_fixture web;
    http_connection fresh(web.port());
    http_connection used(web.port());
    REQUIRE(used.ask("GET", "/__lbheartbeat__").status == 200);
    web.begin_stop();
    CHECK(fresh.ends_within(5s));
    CHECK(used.ends_within(5s));
    CHECK(web.stopped_within(5s));
}

TEST_CASE("a request that is completed after the stop began is answered") {
    web_fixture web;
    http_connection connection(web.port());
    const auto text = web.contact_request();
    REQUIRE(connection.ask("GET", "/__lbheartbeat__").status == 200);
    REQUIRE(connection.send(text.substr(0, 30)));
    web.begin_stop();
    REQUIRE(connection.send(text.substr(30)));
    CHECK(connection.receive().status == 201);
    CHECK(web.stopped_within(5s));
}

TEST_CASE("a request that does not end in time is cut off") {
    ctms::web::limits bounds;
    bounds.drain_time = 300ms;
    web_fixture web({.limits = bounds});
    held_writes held(web);
    http_connection connection(web.port());
    REQUIRE(connection.send(web.contact_request()));
    REQUIRE(held.hold(1));
    web.begin_stop();
    web.begin_stop();
    CHECK(connection.ends_within(5s));
    held.release();
    CHECK(web.stopped_within(5s));
}

TEST_CASE("a client that never completes its request does not keep the server running") {
    ctms::web::limits bounds;
    bounds.drain_time = 300ms;
    web_fixture web({.limits = bounds});
    http_connection connection(web.port());
    REQUIRE(connection.ask("GET", "/__lbheartbeat__").status == 200);
    REQUIRE(connection.send("GET / HT"));
    web.begin_stop();
    CHECK(web.stopped_within(5s));
}

TEST_CASE("a queue of secrets is refused when the server stops, and other requests are answered") {
    web_fixture web({.change_settings = [](ctms::config::settings& settings) { settings.trusted_proxies = {"127.0.0.0/8"}; }});
    http_connection late(web.port());
    const auto with_right_secret = token_request(250, web_fixture::client, "secret%20of%20the%20tests");
    REQUIRE(late.send(with_right_secret.substr(0, 30)));
    constexpr int guesses = 150; // more than ten seconds of hashing
    std::list<http_connection> flood;
    for (int i = 0; i < guesses; ++i) REQUIRE(flood.emplace_back(web.port()).send(token_request(i, fmt::format("id_{}", i), "wrong")));
    // The first answer shows that hashing has begun; it need not be that of the first connection.
    REQUIRE(becomes_true([&] { return std::any_of(flood.begin(), flood.end(), [](auto& one) { return one.has_input(0ms); }); }));
    held_writes held(web);
    http_connection writer(web.port());
    REQUIRE(writer.send(web.contact_request()));
    REQUIRE(held.hold(1));
    web.begin_stop();
    int refused = 0;
    for (auto& one : flood) {
        const auto answer = one.receive();
        CHECK((answer.status == 400 || answer.status == 503));
        if (answer.status != 503) continue;
        ++refused;
        CHECK(answer.header("retry-after") == "1");
    }
    CHECK(refused > guesses / 2);
    CHECK_FALSE(web.stopped_within(0ms));
    // With nothing before it, a secret is verified.
    REQUIRE(late.send(with_right_secret.substr(30)));
    CHECK(late.receive().status == 200);
    held.release();
    CHECK(writer.receive().status == 201);
    CHECK(web.stopped_within(5s));
}
