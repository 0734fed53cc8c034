// SPDX-License-Identifier: MPL-2.0
// How the server shares connections, time and memory among its clients.
#include <support/held_writes.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto chunked_post = "POST /token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

web_fixture::options with(const ctms::web::limits& bounds) { return {.limits = bounds}; }

std::string post_of(std::size_t length) {
    return "POST /ctms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n";
}

bool is_answered(web_fixture& web) { return web.ask("GET", "/__lbheartbeat__").status == 200; }

/// Whether refusals for this reason were counted. Every reason has a line from the start, with 0.
bool is_counted(web_fixture& web, const std::string& reason) {
    const auto line = "\nctms_requests_rejected_total{reason=\"" + reason + "\"} ";
    const auto metrics = web.ask("GET", "/metrics").body;
    return metrics.find(line) != std::string::npos && metrics.find(line + "0\n") == std::string::npos;
}

} // namespace

TEST_CASE("trailers count towards the limit of 16 KiB for headers") {
    web_fixture web;
    for (const auto& trailer : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b", "A: " + std::string(17'000, 'b')}) {
        http_connection connection(web.port());
        (void)connection.send(chunked_post + ("0\r\n" + trailer + "\r\n\r\n"));
        CHECK(connection.receive().status == 431);
        CHECK(connection.ends_within(5s));
    }
    // Each chunk allows for more bytes around it than these need.
    std::string chunks;
    for (int i = 0; i < 5'000; ++i) chunks += "1\r\nX\r\n";
    for (const auto& trailer : {"A: " + std::string(66'000, 'b'), std::string(66'000, 'a') + ": b"}) {
        http_connection connection(web.port());
        (void)connection.send(chunked_post + (chunks + "0\r\n" + trailer + "\r\n\r\n"));
        CHECK(connection.receive().status == 431);
        CHECK(connection.ends_within(5s));
    }
    CHECK(web.log_text().find("A connection failed") == std::string::npos);
    http_connection connection(web.port());
    REQUIRE(connection.send(chunked_post + ("0\r\nA: " + std::string(15'000, 'b') + "\r\n\r\n")));
    CHECK(connection.receive().status == 400); // there are no credentials, but the request was read
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("endless trailer lines are refused") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send(chunked_post + std::string("0\r\n")));
    const auto line = "X-Y: " + std::string(1000, 'z') + "\r\n";
    int sent = 0;
    while (sent < 1000 && !connection.has_input(1ms) && connection.send(line)) ++sent;
    CHECK(sent < 1000);
    CHECK(connection.receive().status == 431);
}

TEST_CASE("trailers are not headers") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "2\r\n{}\r\n0\r\nAuthorization: " +
                            web.authorization().second + "\r\nX-Request-Id: of-the-trailer\r\nConnection: close\r\n\r\n"));
    const auto answer = connection.receive();
    CHECK(answer.status == 401);
    CHECK(answer.header("x-request-id") != "of-the-trailer");
    CHECK(answer.keep_alive);
}

// The last bytes arrive just before the deadline: whether the read or the deadline comes first, the connection must end.
TEST_CASE("a deadline is enforced, whatever completes first") {
    ctms::web::limits bounds;
    bounds.body_time = bounds.header_time = 300ms;
    web_fixture web(with(bounds));
    for (const bool in_body : {true, false}) {
        CAPTURE(in_body);
        std::vector<std::unique_ptr<http_connection>> all;
        const auto begun = std::chrono::steady_clock::now();
        for (int i = 0; i < 40; ++i) {
            all.push_back(std::make_unique<http_connection>(web.port()));
            REQUIRE(all.back()->send(in_body ? post_of(1'000'000) : std::string("GET / HTTP/1.1\r\n")));
        }
        const std::string most_of_it = in_body ? std::string(900'000, ' ') : "X: " + std::string(8'000, 'x');
        REQUIRE(becomes_true([&] { return std::chrono::steady_clock::now() > begun + 290ms; }));
        for (auto& one : all) (void)one->send(most_of_it);
        for (auto& one : all) {
            CHECK(one->has_input(10s));
            if (one->has_input(0ms)) CHECK(becomes_true([&] { return !one->send(" "); }));
        }
    }
    CHECK(is_answered(web));
}

TEST_CASE("when all connections are in use, the one that has been idle longest is closed") {
    ctms::web::limits bounds;
    bounds.connections = 3;
    web_fixture web(with(bounds));
    http_connection longest(web.port());
    CHECK(longest.ask("GET", "/__lbheartbeat__").status == 200);
    http_connection silent(web.port()); // has sent nothing yet
    http_connection third(web.port());
    CHECK(third.ask("GET", "/__lbheartbeat__").status == 200);
    http_connection fourth(web.port());
    CHECK(fourth.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(longest.ends_within(5s));
    http_connection fifth(web.port());
    CHECK(fifth.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(silent.ends_within(5s));
    CHECK(third.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a connection with only one byte of the next request is still idle") {
    ctms::web::limits bounds;
    bounds.connections = 2;
    web_fixture web(with(bounds));
    http_connection first(web.port());
    http_connection second(web.port());
    for (auto* one : {&first, &second}) {
        REQUIRE(one->send(request_text("GET", "/__lbheartbeat__") + "G"));
        CHECK(one->receive().status == 200);
    }
    http_connection third(web.port());
    CHECK(third.ask("GET", "/__lbheartbeat__").status == 200);
    CHECK(first.ends_within(5s));
}

TEST_CASE("the share of one address can be set to more than half of the connections") {
    ctms::web::limits bounds;
    bounds.connections = 4;
    web_fixture web(
        {.limits = bounds, .change_settings = [](ctms::config::settings& settings) { settings.connections_per_address = 1000; }});
    std::vector<std::unique_ptr<http_connection>> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(std::make_unique<http_connection>(web.port()));
        CHECK(all.back()->ask("GET", "/__lbheartbeat__").status == 200);
    }
    for (auto& one : all) CHECK(one->ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a path that is too long for a redirect is not found") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("GET /ctms/" + std::string(9000, '\xff') + "/ HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    CHECK(connection.receive().status == 404);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("the time to send a request does not count as waiting for a thread") {
    ctms::web::limits bounds;
    bounds.waiting_time = 300ms;
    web_fixture web(with(bounds));
    http_connection connection(web.port());
    const std::string body = R"({"email":{"primary_email":"a"}})";
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: " +
                            web.authorization().second + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"));
    const auto sent = std::chrono::steady_clock::now();
    REQUIRE(becomes_true([&] { return std::chrono::steady_clock::now() > sent + 400ms; }));
    REQUIRE(connection.send(body));
    CHECK(connection.receive().status == 201);
}

TEST_CASE("an additional connection is turned away if none is idle") {
    ctms::web::limits bounds;
    bounds.connections = 2;
    web_fixture web(with(bounds));
    held_writes held(web);
    http_connection first(web.port());
    http_connection second(web.port());
    REQUIRE(first.send(web.contact_request("a")));
    REQUIRE(second.send(web.contact_request("b")));
    REQUIRE(held.hold(2));
    std::string body;
    CHECK(becomes_true([&] {
        http_connection third(web.port());
        // Clients send first: what this one has sent must not cost it the response.
        if (!third.send(request_text("GET", "/__lbheartbeat__"))) return false;
        const auto refused = third.receive();
        body = refused.body;
        return refused.status == 503 && refused.header("retry-after") == "1" && third.ends_within(5s);
    }));
    CHECK(body == R"({"detail":"Service Unavailable"})");
    held.release();
    CHECK(first.receive().status == 201);
    CHECK(second.receive().status == 201);
    CHECK(is_answered(web));
    CHECK(is_counted(web, "connections"));
}

TEST_CASE("one address can use only its share of the connections") {
    web_fixture web({.limits = {}, .change_settings = [](ctms::config::settings& settings) { settings.connections_per_address = 2; }});
    held_writes held(web);
    http_connection first(web.port());
    http_connection second(web.port());
    REQUIRE(first.send(web.contact_request("a")));
    REQUIRE(second.send(web.contact_request("b")));
    REQUIRE(held.hold(2));
    CHECK(becomes_true([&] { return web.ask("GET", "/__lbheartbeat__").status == 503; }));
    held.release();
    CHECK(first.receive().status == 201);
    CHECK(second.receive().status == 201);
    CHECK(is_answered(web));
}

TEST_CASE("behind trusted proxies the concurrent requests are limited by address") {
    web_fixture web({.limits = {}, .change_settings = [](ctms::config::settings& settings) {
                         settings.connections_per_address = 2;
                         settings.trusted_proxies = {"127.0.0.0/8"};
                     }});
    const header_list of_one{{"X-Forwarded-For", "192.0.2.1"}};
    held_writes held(web);
    std::vector<std::unique_ptr<http_connection>> busy;
    for (const auto* address : {"a", "b"}) {
        busy.push_back(std::make_unique<http_connection>(web.port()));
        REQUIRE(busy.back()->send(web.contact_request(address, of_one)));
    }
    REQUIRE(held.hold(2));
    http_answer refused;
    CHECK(becomes_true([&] {
        refused = web.ask("GET", "/__lbheartbeat__", of_one);
        return refused.status == 429;
    }));
    CHECK(refused.header("retry-after") == "1");
    CHECK(refused.body == R"({"detail":"Too many concurrent requests from one address"})");
    CHECK(web.ask("GET", "/__lbheartbeat__", {{"X-Forwarded-For", "192.0.2.2"}}).status == 200);
    held.release();
    for (auto& one : busy) CHECK(one->receive().status == 201);
    CHECK(web.ask("GET", "/__lbheartbeat__", of_one).status == 200);
}

TEST_CASE("large bodies share limited memory and leave room for small ones") {
    ctms::web::limits bounds;
    bounds.memory_bytes = 4 * 1024 * 1024; // a quarter of it is for one address
    web_fixture web(with(bounds));
    constexpr std::size_t size = 700'000;
    // Either one may get the memory: the server reads both concurrently.
    http_connection one(web.port());
    http_connection other(web.port());
    (void)one.send(post_of(size) + std::string(size - 1, ' '));
    (void)other.send(post_of(size) + std::string(size - 1, ' '));
    REQUIRE(becomes_true([&] { return one.has_input(10ms) || other.has_input(10ms); }));
    auto& second = one.has_input(0ms) ? one : other;
    auto& first = &second == &one ? other : one;
    const auto refused = second.receive();
    CHECK(refused.status == 503);
    CHECK(refused.header("retry-after") == "1");
    CHECK(web.post("/ctms", R"({"email":{"primary_email":"a"}})").status == 201);
    REQUIRE(first.send(" "));
    CHECK(first.receive().status >= 400);
    CHECK(is_counted(web, "memory"));
    // The memory is free again after the first request has been answered.
    http_connection third(web.port());
    REQUIRE(third.send(post_of(size) + std::string(size, ' ')));
    CHECK(third.receive().status != 503);
}

TEST_CASE("a second port serves probes and metrics and nothing else") {
    web_fixture web({.limits = {}, .change_settings = [](ctms::config::settings& settings) { settings.ops_port = 0; }});
    REQUIRE(web.ops_port());
    const auto port = *web.ops_port();
    REQUIRE(port != web.port());
    for (const auto* path : {"/__lbheartbeat__", "/__heartbeat__", "/__version__", "/metrics"}) {
        CAPTURE(path);
        CHECK(ask(port, "GET", path).status == 200);
        CHECK(web.ask("GET", path).status == 200);
    }
    for (const auto* path : {"/ctms", "/token", "/__crash__", "/docs", "/acoustic_configuration", "/"}) {
        CAPTURE(path);
        CHECK(ask(port, "GET", path, {web.authorization()}).status == 404);
    }
    // The server knows these methods, but no path of this port has them.
    for (const auto* method : {"POST", "PUT", "PATCH", "DELETE"}) {
        CAPTURE(method);
        CHECK(ask(port, method, "/token").status == 404);
        CHECK(ask(port, method, "/metrics").status == 405);
    }
    CHECK(ask(port, "FOO", "/token").status == 501);
}

TEST_CASE("the second port serves requests even if the first has no free connection") {
    ctms::web::limits bounds;
    bounds.connections = 1;
    web_fixture web({.limits = bounds, .change_settings = [](ctms::config::settings& settings) { settings.ops_port = 0; }});
    held_writes held(web);
    http_connection busy(web.port());
    REQUIRE(busy.send(web.contact_request("a")));
    REQUIRE(held.hold(1));
    CHECK(becomes_true([&] { return web.ask("GET", "/__lbheartbeat__").status == 503; }));
    CHECK(ask(*web.ops_port(), "GET", "/__lbheartbeat__").status == 200);
    CHECK(ask(*web.ops_port(), "GET", "/metrics").status == 200);
}
