// SPDX-License-Identifier: MPL-2.0
#include <web/server/client_address.hpp>

#include <doctest/doctest.h>

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
