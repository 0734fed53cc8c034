// SPDX-License-Identifier: MPL-2.0
#include <web/server/compression.hpp>

#include <doctest/doctest.h>

#include <zlib.h>

using namespace ctms::web;

namespace {

std::string gunzip(const std::string& packed) {
    z_stream stream{};
    REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
    std::string out(100'000, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return out;
}

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
