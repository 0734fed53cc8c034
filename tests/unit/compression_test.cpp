// SPDX-License-Identifier: MPL-2.0
#include <support/gunzip.hpp>
#include <web/server/compression.hpp>

#include <doctest/doctest.h>

#include <vector>

using namespace ctms::web;
using ctms::test::gunzip;

namespace {

response answer_to(const std::string& accept_encoding, const std::string& body, const std::string& type = "application/json") {
    request http;
    http.headers.emplace_back("accept-encoding", accept_encoding);
    response out;
    out.content_type = type;
    out.body = body;
    compress(http, out);
    return out;
}

} // namespace

TEST_CASE("Accept-Encoding is interpreted as RFC 9110 requires") {
    for (const auto* yes : {"gzip", "GZIP", "x-gzip", "gzip, deflate, br", "br, gzip;q=0.5", "*", "deflate;q=0, *", "gzip;q=1.0"})
        CHECK(accepts_gzip(yes));
    for (const auto* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "gzipped"})
        CHECK_FALSE(accepts_gzip(no));
}

TEST_CASE("a long response is compressed if the client accepts gzip") {
    const std::string body(5000, 'x');
    const auto answer = answer_to("gzip", body);
    CHECK(answer.body.size() < 200);
    CHECK(gunzip(answer.body) == body);
    CHECK(answer.headers == header_list{{"Vary", "Accept-Encoding"}, {"Content-Encoding", "gzip"}});
}

TEST_CASE("a body that responses share is compressed for one of them and not changed") {
    const auto shared = std::make_shared<const std::string>(5000, 'x');
    request http;
    response answer;
    answer.shared_body = shared;
    compress(http, answer);
    CHECK(answer.content().data() == shared->data());
    http.headers.emplace_back("accept-encoding", "gzip");
    compress(http, answer);
    CHECK(gunzip(std::string(answer.content())) == *shared);
    CHECK(shared->size() == 5000);
}

TEST_CASE("a response is unchanged for other clients and if it is short or not text") {
    const std::string body(5000, 'x');
    CHECK(answer_to("identity", body).body == body);
    CHECK(answer_to("identity", body).headers == header_list{{"Vary", "Accept-Encoding"}});
    CHECK(answer_to("gzip", std::string(1024, 'x')).headers.empty());
    CHECK(answer_to("gzip", body, "image/png").body == body);
}

TEST_CASE("a response that is generated while it is sent is compressed piece by piece") {
    request http;
    http.headers.emplace_back("accept-encoding", "gzip");
    response answer;
    answer.content_type = "application/x-ndjson";
    answer.headers.emplace_back("Vary", "Accept");
    answer.body = "first\n";
    std::vector<std::string> left{"third\n", "second\n"};
    answer.rest = [&](std::string& piece) -> ctms::result<bool> {
        piece += left.back();
        left.pop_back();
        return !left.empty();
    };
    compress(http, answer);
    CHECK(answer.headers == header_list{{"Vary", "Accept, Accept-Encoding"}, {"Content-Encoding", "gzip"}});
    auto whole = answer.body;
    CHECK_THROWS(gunzip(whole));
    REQUIRE(answer.rest(whole).value());
    CHECK_THROWS(gunzip(whole));
    REQUIRE_FALSE(answer.rest(whole).value());
    CHECK(gunzip(whole) == "first\nsecond\nthird\n");
}

TEST_CASE("a failure to generate the response does not end the compressed data") {
    request http;
    http.headers.emplace_back("accept-encoding", "gzip");
    response answer;
    answer.rest = [](std::string&) -> ctms::result<bool> { return ctms::error{ctms::errc::unavailable, "away", {}, {}, {}}; };
    compress(http, answer);
    std::string piece;
    CHECK(answer.rest(piece).error().message == "away");
    CHECK(piece.empty());
}
