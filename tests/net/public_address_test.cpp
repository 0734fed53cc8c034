// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include <net/public_address.hpp>
#include <support/raw_server.hpp>

#include <doctest/doctest.h>

using namespace ctms;
using namespace ctms::net;
using ctms::test::answer_text;
using ctms::test::raw_connection;
using ctms::test::raw_server;

TEST_CASE("addresses of private networks, of this machine and of special uses are not public") {
    for (const auto* text : {"0.0.0.0",
                             "10.0.0.1",
                             "100.64.0.1",
                             "100.127.255.255",
                             "127.0.0.1",
                             "127.255.255.255",
                             "169.254.169.254",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.0.0.8",
                             "192.0.2.1",
                             "192.88.99.1",
                             "192.168.1.1",
                             "198.18.0.1",
                             "198.19.255.255",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "::127.0.0.1",
                             "64:ff9b::a00:1",
                             "64:ff9b::a9fe:a9fe",
                             "::ffff:172.16.0.1",
                             "64:ff9b:1::1",
                             "100::1",
                             "2001::1",
                             "2001:db8::1",
                             "2002:a00:1::1",
                             "2002:7f00:1::",
                             "3fff::1",
                             "5f00::1",
                             "fc00::1",
                             "fd00::1",
                             "fe80::1",
                             "fec0::1",
                             "ff02::1"}) {
        CAPTURE(text);
        CHECK_FALSE(is_public(boost::asio::ip::make_address(text)));
        CHECK(is_special_address(text));
    }
    for (const auto* text : {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
                             "198.17.255.255", "198.20.0.0", "223.255.255.255", "2001:200::1", "2606:4700::1111", "2a00:1450::1",
                             "::ffff:1.1.1.1", "::ffff:172.15.0.1", "64:ff9b::101:101", "2002:101:101::1"}) {
        CAPTURE(text);
        CHECK(is_public(boost::asio::ip::make_address(text)));
        CHECK_FALSE(is_special_address(text));
    }
    CHECK_FALSE(is_special_address("localhost")); // a name: what it resolves to is checked when it is called
}

TEST_CASE("a client for public addresses does not connect to others, however they are written") {
    raw_server server([](raw_connection& peer) {
        while (!peer.read_request().empty()) peer.send(answer_text(""));
    });
    for (const auto* host : {"127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"}) {
        CAPTURE(host);
        http_client client(server.url(host), {.public_addresses_only = true});
        const auto answer = client.send({});
        REQUIRE_FALSE(answer.has_value());
        CHECK((answer.error().detail == "the address is not public" || answer.error().detail == "cannot resolve the host name"));
    }
    CHECK(server.accepted() == 0);
    CHECK(http_client(server.url("localhost")).send({}).has_value());
}
