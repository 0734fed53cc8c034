// SPDX-License-Identifier: MPL-2.0
// Stopping the server: nothing that was started is lost.
#include <support/held_writes.hpp>

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

std::string new_contact(web_fixture& web) {
    return request_text("POST", "/ctms", {web.authorization(), {"Content-Type", "application/json"}}, R"({"email":{"primary_email":"a"}})");
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
    REQUIRE(connection.send(new_contact(web)));
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
    const auto text = new_contact(web);
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
    REQUIRE(connection.send(new_contact(web)));
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
