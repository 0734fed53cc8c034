// SPDX-License-Identifier: MPL-2.0
#include <sync/push_gateway.hpp>

#include "support/raw_server.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace ctms;
using ctms::sync_app::push_gateway;
using ctms::test::answer_text;
using ctms::test::raw_connection;
using ctms::test::raw_server;

TEST_CASE("a push replaces the metrics of the job") {
    std::string got;
    raw_server server([&got](raw_connection& peer) {
        got = peer.read_request();
        peer.send(answer_text("", {}, "202 Accepted"));
    });
    push_gateway gateway(server.url() + "/prefix/");
    CHECK(gateway.push("# TYPE a counter\na 1\n").has_value());
    REQUIRE(server.wait_closed(1));
    CHECK(got.starts_with("PUT /prefix/metrics/job/prometheus-pushgateway HTTP/1.1\r\n"));
    CHECK(got.find("\r\nContent-Type: text/plain; version=0.0.4\r\n") != std::string::npos);
    CHECK(got.ends_with("\r\n\r\n# TYPE a counter\na 1\n"));
}

TEST_CASE("a gateway that refuses or is unreachable is reported as unavailable") {
    auto server = std::make_unique<raw_server>([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text("no", "Connection: close\r\n", "500 Internal Server Error"));
    });
    push_gateway gateway(server->url());
    const auto refused = gateway.push("a 1\n");
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::unavailable);
    CHECK(refused.error().detail == "the push gateway answered 500");
    server.reset();
    const auto gone = gateway.push("a 1\n");
    REQUIRE(!gone);
    CHECK(gone.error().code == errc::unavailable);
}

TEST_CASE("a push gateway needs an HTTP URL") { CHECK_THROWS_AS(push_gateway("pushgateway:9091"), std::invalid_argument); }
