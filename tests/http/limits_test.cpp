// SPDX-License-Identifier: MPL-2.0
// The limits for each client of the server.
#include <support/held_writes.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

web_fixture::options with(const ctms::web::limits& bounds) { return {.limits = bounds}; }

void check_refused(http_connection& connection, int status, const std::string& detail) {
    const auto answer = connection.receive();
    CHECK(answer.status == status);
    CHECK(answer.body == R"({"detail":")" + detail + R"("})");
    CHECK_FALSE(answer.keep_alive);
    CHECK(connection.ends_within(5s));
}

bool is_counted(web_fixture& web, const std::string& reason) {
    return web.ask("GET", "/metrics").body.find("ctms_requests_rejected_total{reason=\"" + reason + "\"} 1\n") != std::string::npos;
}

std::string get_with_headers(std::size_t bytes) {
    const std::string start = "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\nX-Long: ";
    return start + std::string(bytes - start.size() - 4, 'x') + "\r\n\r\n";
}

} // namespace

TEST_CASE("headers larger than 16 KiB are refused") {
    web_fixture web;
    {
        http_connection connection(web.port());
        REQUIRE(connection.send(get_with_headers(16 * 1024)));
        CHECK(connection.receive().status == 200);
    }
    http_connection connection(web.port());
    REQUIRE(connection.send(get_with_headers(16 * 1024 + 100)));
    check_refused(connection, 431, "Request Header Fields Too Large");
    CHECK(is_counted(web, "header_too_large"));
}

TEST_CASE("a header that never ends is refused") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("GET / HTTP/1.1\r\n"));
    const auto line = "X-Y: " + std::string(1000, 'z') + "\r\n";
    CHECK(becomes_true([&] { return connection.has_input(1ms) || !connection.send(line); }));
    CHECK(connection.receive().status == 431);
}

TEST_CASE("a body larger than 1 MiB is refused before it is sent") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n"));
    check_refused(connection, 413, "Payload Too Large");
    CHECK(is_counted(web, "body_too_large"));
}

TEST_CASE("a body of 1 MiB is read") {
    web_fixture web;
    CHECK(web.ask("POST", "/ctms", {{"Content-Type", "application/json"}}, "\"" + std::string(1024 * 1024 - 2, 'x') + "\"").status == 401);
}

TEST_CASE("chunks of more than 1 MiB in total are refused") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"));
    const auto chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    for (int i = 0; i < 17 && connection.send(chunk); ++i) {
    }
    CHECK(connection.receive().status == 413);
}

TEST_CASE("headers that arrive too slowly are refused") {
    ctms::web::limits bounds;
    bounds.header_time = 300ms;
    web_fixture web(with(bounds));
    {
        http_connection connection(web.port());
        REQUIRE(connection.send("GET /__lbheartbeat__ HTTP/1.1\r\nHo"));
        check_refused(connection, 408, "Request Timeout");
    }
    http_connection connection(web.port());
    REQUIRE(connection.send("GET /__lbheartbeat__ HTTP/1.1\r\nX: "));
    int dripped = 0;
    while (dripped < 500 && !connection.has_input(20ms) && connection.send("x")) ++dripped;
    CHECK(dripped < 500);
    CHECK(connection.receive().status == 408);
}

TEST_CASE("a body that arrives too slowly is refused") {
    ctms::web::limits bounds;
    bounds.body_time = 300ms;
    web_fixture web(with(bounds));
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na"));
    check_refused(connection, 408, "Request Timeout");
    CHECK(is_counted(web, "timeout"));
}

TEST_CASE("a connection whose client does not read its responses in time ends") {
    ctms::web::limits bounds;
    bounds.write_time = 300ms;
    bounds.header_time = bounds.body_time = bounds.idle_time = 1h;
    web_fixture web(with(bounds));
    http_connection connection(web.port());
    std::string requests; // for more than the sockets can hold
    for (int i = 0; i < 300; ++i) requests += request_text("GET", "/openapi.json");
    REQUIRE(connection.send(requests));
    CHECK(becomes_true([&] { return !connection.send(" "); }));
}

TEST_CASE("a connection that is idle for too long ends without a response") {
    ctms::web::limits bounds;
    bounds.idle_time = 1s;
    web_fixture web(with(bounds));
    http_connection fresh(web.port());
    CHECK(fresh.ends_within(5s));
    http_connection used(web.port());
    CHECK(used.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(used.ends_within(5s));
}

TEST_CASE("requests are turned away if too many are waiting") {
    ctms::web::limits bounds;
    bounds.waiting = 1;
    web_fixture::options options = with(bounds);
    options.change_settings = [](ctms::config::settings& settings) { settings.workers = 1; };
    web_fixture web(options);
    held_writes held(web);
    const auto post = [&](http_connection& connection, const std::string& address) {
        REQUIRE(connection.send(web.contact_request(address)));
    };
    http_connection running(web.port());
    post(running, "a");
    REQUIRE(held.hold(1));
    http_connection one(web.port());
    http_connection other(web.port());
    post(one, "b");
    post(other, "c");
    REQUIRE(becomes_true([&] { return one.has_input(0ms) || other.has_input(0ms); }));
    auto& refused = one.has_input(0ms) ? one : other;
    auto& waiting = &refused == &one ? other : one;
    const auto answer = refused.receive();
    CHECK(answer.status == 503);
    CHECK(answer.header("retry-after") == "1");
    CHECK(answer.body == R"({"detail":"Service temporarily unavailable"})");
    CHECK_FALSE(waiting.has_input(0ms));
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(is_counted(web, "busy"));
    held.release();
    CHECK(running.receive().status == 201);
    CHECK(waiting.receive().status == 201);
}

TEST_CASE("a request that has waited too long is turned away") {
    ctms::web::limits bounds;
    bounds.waiting_time = 1s;
    web_fixture::options options = with(bounds);
    options.change_settings = [](ctms::config::settings& settings) { settings.workers = 1; };
    web_fixture web(options);
    held_writes held(web);
    const auto post = web.contact_request();
    http_connection running(web.port());
    REQUIRE(running.send(post));
    REQUIRE(held.hold(1));
    http_connection waiting(web.port());
    const auto sent = std::chrono::steady_clock::now();
    REQUIRE(waiting.send(post));
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
    REQUIRE(becomes_true([&] { return std::chrono::steady_clock::now() > sent + 1500ms; }));
    held.release();
    CHECK(running.receive().status == 201);
    CHECK(waiting.receive().status == 503);
}
