// SPDX-License-Identifier: MPL-2.0
// Clients behind trusted proxies: each forwarded address has its own share of the memory and of the concurrent requests.
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

web_fixture::options behind_proxies(const ctms::web::limits& bounds, int requests_of_address = 500) {
    return {.limits = bounds, .change_settings = [requests_of_address](ctms::config::settings& settings) {
                settings.connections_per_address = requests_of_address;
                settings.trusted_proxies = {"127.0.0.0/8"};
            }};
}

std::string post_of(std::size_t length, const std::string& forwarded) {
    return "POST /ctms HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: " + forwarded +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

/// Returns true if the server accepts a large body for that address; the request is then still in progress.
bool takes_body(http_connection& from, const std::string& forwarded) {
    constexpr std::size_t size = 700'000;
    if (!from.send(post_of(size, forwarded) + std::string(size - 1, ' '))) return false;
    return !from.has_input(300ms);
}

} // namespace

TEST_CASE("behind trusted proxies one forwarded address cannot use all the memory for bodies") {
    ctms::web::limits bounds;
    bounds.memory_bytes = 4 * 1024 * 1024; // a quarter of it is for one address
    web_fixture web(behind_proxies(bounds));
    http_connection first(web.port());
    CHECK(takes_body(first, "192.0.2.1"));
    for (const auto* same : {"192.0.2.1", "192.0.2.1:4711", " 198.51.100.1,\t192.0.2.1 "}) {
        CAPTURE(same);
        http_connection second(web.port());
        CHECK_FALSE(takes_body(second, same));
        CHECK(second.receive().status == 503);
    }
    for (const auto* other : {"192.0.2.2", "[2001:db8::1]:443", ""}) {
        CAPTURE(other);
        http_connection another(web.port());
        CHECK(takes_body(another, other));
    }
    REQUIRE(first.send(" "));
    CHECK(first.receive().status == 401);
    // Its memory is free again, even for the same connection.
    CHECK(takes_body(first, "192.0.2.1"));
}

TEST_CASE("each request on a proxy's connection counts for its own address") {
    ctms::web::limits bounds;
    bounds.memory_bytes = 4 * 1024 * 1024;
    web_fixture web(behind_proxies(bounds));
    http_connection shared(web.port());
    for (int i = 0; i < 8; ++i) {
        REQUIRE(shared.send(post_of(700'000, "192.0.2." + std::to_string(1 + i % 2)) + std::string(700'000, ' ')));
        CHECK(shared.receive().status == 401);
    }
}

TEST_CASE("behind trusted proxies a request counts as soon as its headers are complete") {
    web_fixture web(behind_proxies({}, 2));
    std::vector<std::unique_ptr<http_connection>> slow;
    for (int i = 0; i < 2; ++i) {
        slow.push_back(std::make_unique<http_connection>(web.port()));
        REQUIRE(slow.back()->send(post_of(10, "192.0.2.1") + "{"));
    }
    CHECK(becomes_true([&] { return web.ask("GET", "/__lbheartbeat__", {{"X-Forwarded-For", "192.0.2.1"}}).status == 429; }));
    // The response does not wait for the body, so the connection ends after it.
    http_connection third(web.port());
    REQUIRE(third.send(post_of(10, "192.0.2.1")));
    const auto refused = third.receive();
    CHECK(refused.status == 429);
    CHECK(refused.header("retry-after") == "1");
    CHECK_FALSE(refused.keep_alive);
    http_connection other(web.port());
    REQUIRE(other.send(post_of(2, "192.0.2.2") + "{}"));
    CHECK(other.receive().status == 401);
    slow.clear();
    CHECK(becomes_true([&] { return web.ask("GET", "/__lbheartbeat__", {{"X-Forwarded-For", "192.0.2.1"}}).status == 200; }));
}
