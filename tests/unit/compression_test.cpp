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

TEST_CASE("gzip is read from Accept-Encoding as RFC 9110 has it") {
    for (const auto* yes : {"gzip", "GZIP", "x-gzip", "gzip, deflate, br", "br, gzip;q=0.5", "*", "deflate;q=0, *", "gzip;q=1.0"})
        CHECK(accepts_gzip(yes));
    for (const auto* no : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "gzipped"})
        CHECK_FALSE(accepts_gzip(no));
}

TEST_CASE("a long answer is compressed for who takes it") {
    const std::string body(5000, 'x');
    const auto answer = answer_to("gzip", body);
    CHECK(answer.body.size() < 200);
    CHECK(gunzip(answer.body) == body);
    CHECK(answer.headers == header_list{{"Vary", "Accept-Encoding"}, {"Content-Encoding", "gzip"}});
}

TEST_CASE("an answer stays as it is for others and when it is short or no text") {
    const std::string body(5000, 'x');
    CHECK(answer_to("identity", body).body == body);
    CHECK(answer_to("identity", body).headers == header_list{{"Vary", "Accept-Encoding"}});
    CHECK(answer_to("gzip", std::string(1024, 'x')).headers.empty());
    CHECK(answer_to("gzip", body, "image/png").body == body);
}

TEST_CASE("an answer that is made while it is sent is compressed piece by piece") {
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

TEST_CASE("what cannot be made is no end of what is compressed") {
    request http;
    http.headers.emplace_back("accept-encoding", "gzip");
    response answer;
    answer.rest = [](std::string&) -> ctms::result<bool> { return ctms::error{ctms::errc::unavailable, "away", {}, {}, {}}; };
    compress(http, answer);
    std::string piece;
    CHECK(answer.rest(piece).error().message == "away");
    CHECK(piece.empty());
}
