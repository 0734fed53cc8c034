// SPDX-License-Identifier: MPL-2.0
#include <web/server/client_address.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

using namespace ctms::web;

namespace {

std::string address_of(const std::string& peer, const std::string& forwarded, const std::vector<std::string>& trusted) {
    request http;
    http.peer_address = peer;
    if (!forwarded.empty()) http.headers.emplace_back("x-forwarded-for", forwarded);
    return client_address(http, trusted);
}

} // namespace

TEST_CASE("without a trusted proxy the peer is the client") {
    CHECK(address_of("192.0.2.1", "", {}) == "192.0.2.1");
    CHECK(address_of("192.0.2.1", "198.51.100.1", {}) == "192.0.2.1");
    CHECK(address_of("192.0.2.1", "198.51.100.1", {"192.0.2.2", "10.0.0.0/8"}) == "192.0.2.1");
}

TEST_CASE("a trusted proxy tells who called it") {
    CHECK(address_of("192.0.2.1", "198.51.100.1", {"192.0.2.1"}) == "198.51.100.1");
    CHECK(address_of("10.1.2.3", "198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("::ffff:10.1.2.3", "198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("2001:db8::1", "198.51.100.1", {"2001:db8::/32"}) == "198.51.100.1");
    CHECK(address_of("192.0.2.1", "", {"192.0.2.1"}) == "192.0.2.1");
}

TEST_CASE("of several addresses the last that no trusted proxy has counts") {
    CHECK(address_of("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("10.0.0.1", "10.0.0.3, 10.0.0.2", {"10.0.0.0/8"}) == "10.0.0.3");
    CHECK(address_of("10.0.0.1", "forged, 198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("10.0.0.1", " , ,", {"10.0.0.0/8"}) == "");
}

TEST_CASE("IPv4 addresses are counted alone and IPv6 addresses by their network") {
    CHECK(network_of("192.0.2.1") == "192.0.2.1");
    CHECK(network_of("::ffff:192.0.2.1") == "192.0.2.1");
    CHECK(network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
    CHECK(network_of("2001:DB8:1:2::") == network_of("2001:db8:1:2:ffff::1"));
    CHECK(network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1"));
    CHECK(network_of("fe80::1%2") == "fe80::/64");
    CHECK(network_of("unknown") == "unknown");
    CHECK(network_of("") == "unknown");
    CHECK(network_of(std::string(16'000, 'x')) == "unknown");
}

TEST_CASE("the time for forwarded addresses grows with their number and not faster") {
    const std::vector<std::string> proxies(50, "10.0.0.0/8");
    const auto time_of = [&](std::size_t count) {
        std::string forwarded;
        for (std::size_t i = 0; i < count; ++i) forwarded += "10.0.0.1,";
        forwarded += "10.0.0.1";
        auto least = std::chrono::steady_clock::duration::max();
        for (int i = 0; i < 3; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            CHECK(address_of("10.0.0.2", forwarded, proxies) == "10.0.0.1");
            least = std::min(least, std::chrono::steady_clock::now() - begin);
        }
        return std::chrono::duration<double>(least).count();
    };
    CHECK(time_of(8 * 1700) < 24 * time_of(1700) + 0.05);
}
