// SPDX-License-Identifier: MPL-2.0
#include "net/server_url.hpp"

#include <boost/version.hpp>
#include <doctest/doctest.h>

#include <stdexcept>

using ctms::net::parse_server_url;

TEST_CASE("the default port depends on the scheme, and Host omits the default port") {
    CHECK(parse_server_url("http://host").port == 80);
    CHECK(parse_server_url("http://host").authority == "host");
    CHECK(parse_server_url("https://host:").port == 443);
    CHECK(parse_server_url("https://host:443").authority == "host");
    CHECK(parse_server_url("https://host:80").authority == "host:80");
    CHECK(parse_server_url("http://host:8080/path").port == 8080);
    CHECK(parse_server_url("HTTPS://host").tls);
}

TEST_CASE("IPv6 addresses are in brackets") {
    const auto url = parse_server_url("https://[2001:db8::1]:8443/a%20b");
    CHECK(url.host == "2001:db8::1");
    CHECK(url.is_address);
    CHECK(url.authority == "[2001:db8::1]:8443");
    CHECK(url.path == "/a%20b");
    CHECK(parse_server_url("http://[::1]").authority == "[::1]");
    CHECK(parse_server_url("http://10.0.0.1").is_address);
}

TEST_CASE("a host name that begins with an address is not taken for the address") {
    try { // Boost before 1.83 refuses it
        const auto url = parse_server_url("http://10.0.0.1.example");
        CHECK(url.host == "10.0.0.1.example");
        CHECK_FALSE(url.is_address);
    } catch (const std::invalid_argument&) {
        CHECK(BOOST_VERSION < 108300);
    }
    CHECK(parse_server_url("http://a.10.0.0.1.example/x").host == "a.10.0.0.1.example");
}
