// SPDX-License-Identifier: MPL-2.0
#include "net/server_url.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using ctms::net::parse_server_url;

TEST_CASE("the port is the scheme's own when none is given, and Host says only another") {
    CHECK(parse_server_url("http://host").port == 80);
    CHECK(parse_server_url("http://host").authority == "host");
    CHECK(parse_server_url("https://host:").port == 443);
    CHECK(parse_server_url("https://host:443").authority == "host");
    CHECK(parse_server_url("https://host:80").authority == "host:80");
    CHECK(parse_server_url("http://host:8080/path").port == 8080);
    CHECK(parse_server_url("HTTPS://host").tls);
}

TEST_CASE("IPv6 addresses stand in brackets") {
    const auto url = parse_server_url("https://[2001:db8::1]:8443/a%20b");
    CHECK(url.host == "2001:db8::1");
    CHECK(url.is_address);
    CHECK(url.authority == "[2001:db8::1]:8443");
    CHECK(url.path == "/a%20b");
    CHECK(parse_server_url("http://[::1]").authority == "[::1]");
    CHECK(parse_server_url("http://10.0.0.1").is_address);
}

TEST_CASE("a name that begins like an address is not taken for that address") {
    CHECK_THROWS_AS(static_cast<void>(parse_server_url("http://10.0.0.1.example")), std::invalid_argument);
    CHECK(parse_server_url("http://a.10.0.0.1.example/x").host == "a.10.0.0.1.example");
}
