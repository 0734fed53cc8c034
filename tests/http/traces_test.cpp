// SPDX-License-Identifier: MPL-2.0
// The trace of a request: logged, and passed on to other services.
#include "support/google_push.hpp"
#include "support/pubsub_messages.hpp"
#include "support/raw_server.hpp"
#include "support/stripe_objects.hpp"

#include <ctms/base/trace_context.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <string>

namespace ctms::test {
namespace {

const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string parent = "00-" + trace_id + "-00f067aa0ba902b7-01";

} // namespace

TEST_CASE("the log has the trace of a request with a valid traceparent") {
    web_fixture web;
    const auto ask = [&](header_list headers) {
        headers.push_back(web.authorization());
        const auto answer = web.ask("GET", "/ctms?primary_email=nobody", headers);
        CHECK(answer.status == 200);
        return web.fields_of(answer);
    };
    CHECK(ask({{"traceparent", parent}}).at("trace_id") == trace_id.c_str());
    CHECK(ask({{"TraceParent", parent}, {"tracestate", "vendor=value"}}).at("trace_id") == trace_id.c_str());
    CHECK_FALSE(ask({}).contains("trace_id"));
    for (const auto& wrong : {std::string("00-" + trace_id), parent + "-00", "ff" + parent.substr(2), std::string("jane@example.com")})
        CHECK_FALSE(ask({{"traceparent", wrong}}).contains("trace_id"));
    CHECK_FALSE(ask({{"traceparent", parent}, {"traceparent", parent}}).contains("trace_id"));
}

TEST_CASE("Pub/Sub: the request for Google's keys belongs to the trace of the push") {
    std::string asked;
    raw_server keys([&](raw_connection& link) {
        asked = link.read_request();
        link.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    });
    google_push google;
    web_fixture web(google.server_options([&](config::settings& settings) { settings.google_certs_url = keys.url() + "/certs"; }));
    const auto answer =
        web.ask("POST", google_push::path,
                {{"Authorization", "Bearer " + google_push::token()}, {"Content-Type", "application/json"}, {"traceparent", parent}},
                envelope_of(boost::json::serialize(stripe_objects::customer())));
    CHECK(answer.status == 503);
    REQUIRE(keys.wait_closed(1));
    const auto at = asked.find("\r\ntraceparent: ");
    REQUIRE(at != std::string::npos);
    const auto sent = asked.substr(at + 15, parent.size());
    CHECK(read_traceparent(sent) == read_traceparent(parent));
    CHECK(sent != parent); // the call has an id of its own
}

} // namespace ctms::test
