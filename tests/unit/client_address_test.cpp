// SPDX-License-Identifier: MPL-2.0
#include <web/server/client_address.hpp>

#include <doctest/doctest.h>

#include <support/cpu_time.hpp>

#include <string>
#include <vector>

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

TEST_CASE("the address that a trusted proxy forwards is the client") {
    CHECK(address_of("192.0.2.1", "198.51.100.1", {"192.0.2.1"}) == "198.51.100.1");
    CHECK(address_of("10.1.2.3", "198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("::ffff:10.1.2.3", "198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("2001:db8::1", "198.51.100.1", {"2001:db8::/32"}) == "198.51.100.1");
    CHECK(address_of("192.0.2.1", "", {"192.0.2.1"}) == "192.0.2.1");
}

TEST_CASE("the client is the last address that is not a trusted proxy") {
    CHECK(address_of("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("10.0.0.1", "10.0.0.3, 10.0.0.2", {"10.0.0.0/8"}) == "10.0.0.3");
    CHECK(address_of("10.0.0.1", "forged, 198.51.100.1", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("10.0.0.1", "10.0.0.3, unknown, 10.0.0.2", {"10.0.0.0/8"}) == "unknown");
}

TEST_CASE("empty list members are ignored") {
    CHECK(address_of("10.0.0.1", " , ,", {"10.0.0.0/8"}) == "10.0.0.1");
    CHECK(address_of("10.0.0.1", "198.51.100.1,", {"10.0.0.0/8"}) == "198.51.100.1");
    CHECK(address_of("10.0.0.1", ",198.51.100.1, ,\t,10.0.0.2,,", {"10.0.0.0/8"}) == "198.51.100.1");
}

TEST_CASE("addresses are accepted in all forms that proxies use") {
    for (const std::string spelled : {"198.51.100.1", "198.51.100.1:5678", "\t198.51.100.1\t", " 198.51.100.1:0 ", "\"198.51.100.1:80\"",
                                      "\"198.51.100.1\"", "198.51.100.1:_hidden"}) {
        CAPTURE(spelled);
        CHECK(address_of("10.0.0.1", spelled, {"10.0.0.0/8"}) == "198.51.100.1");
        CHECK(address_of("10.0.0.1", "203.0.113.9,\t" + spelled + ", 10.0.0.2:443", {"10.0.0.0/8"}) == "198.51.100.1");
    }
    for (const std::string spelled : {"2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", "\"[2001:db8::1]:443\"", "\t[2001:db8::1]\t"}) {
        CAPTURE(spelled);
        CHECK(address_of("10.0.0.1", spelled, {"10.0.0.0/8"}) == "2001:db8::1");
        CHECK(address_of("10.0.0.1", spelled + ", [fd00::1]:80", {"10.0.0.0/8", "fd00::/8"}) == "2001:db8::1");
    }
    // If a port cannot be distinguished from the last group, the whole text is the address.
    CHECK(address_of("10.0.0.1", "2001:db8::1:443", {"10.0.0.0/8"}) == "2001:db8::1:443");
    for (const std::string no_address : {"_hidden", "unknown", "[198.51.100.1", "1.2.3.4:5:6", "[]", ":80", "[::1]x", "\""}) {
        CAPTURE(no_address);
        CHECK(network_of(address_of("10.0.0.1", no_address, {"10.0.0.0/8"})) == "unknown");
    }
}

TEST_CASE("each proxy may send a separate header line") {
    const std::vector<std::string> trusted{"10.0.0.0/8"};
    const auto of_lines = [&](const std::vector<std::string>& lines) {
        request http;
        http.peer_address = "10.0.0.1";
        for (const auto& line : lines) http.headers.emplace_back("x-forwarded-for", line);
        return client_address(http, trusted);
    };
    CHECK(of_lines({"203.0.113.9", "198.51.100.1"}) == "198.51.100.1");
    CHECK(of_lines({"203.0.113.9, 198.51.100.1", "10.0.0.2"}) == "198.51.100.1");
    CHECK(of_lines({"198.51.100.1", "", " ,"}) == "198.51.100.1");
    CHECK(of_lines({"", ""}) == "10.0.0.1");
}

TEST_CASE("an implausibly long chain of proxies is not followed") {
    std::string chain = "198.51.100.1";
    for (int i = 0; i < 1000; ++i) chain += ",10.0.0.2";
    CHECK(address_of("10.0.0.1", chain, {"10.0.0.0/8"}) == "10.0.0.2");
}

TEST_CASE("the interface of a link-local address is ignored") {
    CHECK(is_trusted("fe80::1%lo", {"fe80::/10"}));
    CHECK(is_trusted("fe80::1%lo", {"fe80::1"}));
    CHECK(is_trusted("fe80::1%7", {"fe80::1"}));
    CHECK_FALSE(is_trusted("fe80::2%lo", {"fe80::1"}));
    CHECK_FALSE(is_trusted("%lo", {"fe80::/10", "0.0.0.0/0", "::/0"}));
    CHECK(address_of("fe80::1%lo", "198.51.100.1", {"fe80::1"}) == "198.51.100.1");
    CHECK(address_of("fe80::1", "198.51.100.1, fe80::2%eth0", {"fe80::/10"}) == "198.51.100.1");
    for (const std::string spelled : {"fe80::9%eth0", "[fe80::9%eth0]", "[fe80::9%1]:443"})
        CHECK(address_of("fe80::1", spelled, {"fe80::1"}) == "fe80::9");
    CHECK(address_of("fe80::1", "%eth0", {"fe80::1"}) == "%eth0");
}

TEST_CASE("IPv4 addresses are counted individually and IPv6 addresses by network") {
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

TEST_CASE("the site of an IPv6 address is its /48") {
    CHECK(site_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1::/48");
    CHECK(site_of("2001:db8:1:ffff::1") == site_of("2001:db8:1::"));
    CHECK(site_of("fe80::1%2") == "fe80::/48");
    for (const auto* other : {"192.0.2.1", "::ffff:192.0.2.1", "unknown", ""}) CHECK(site_of(other).empty());
}

TEST_CASE("the time to read forwarded addresses is linear in their number") {
    const std::vector<std::string> proxies(50, "10.0.0.0/8");
    const auto time_of = [&](std::size_t count) {
        std::string forwarded;
        for (std::size_t i = 0; i < count; ++i) forwarded += "10.0.0.1,";
        forwarded += "10.0.0.1";
        return ctms::test::shortest_cpu_seconds([&] { CHECK(address_of("10.0.0.2", forwarded, proxies) == "10.0.0.1"); });
    };
    CHECK(time_of(8 * 1700) < 24 * time_of(1700) + 0.05);
}
