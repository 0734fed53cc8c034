// SPDX-License-Identifier: MPL-2.0
// RFC 9112, 9, and RFC 9110, 7 and 10 to 14: connections, expectations, preconditions and content negotiation.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

const std::string ping = get_with("");

std::string get_1_0(std::string_view fields) { return "GET /__lbheartbeat__ HTTP/1.0\r\n" + std::string(fields) + "\r\n"; }
std::string get_document(std::string_view fields) {
    return "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

const auto is_plain = [](const http_answer& answer) {
    CHECK_FALSE(answer.has_header("content-encoding"));
    CHECK(answer.body.starts_with('{'));
    CHECK(answer.header("vary").find("Accept-Encoding") != std::string::npos);
};

const std::vector<rfc_rule> rules{
    {"9112, 9.3",
     level::should,
     "A connection of HTTP/1.1 stays.",
     {ping, get_with("Connection: keep-alive\r\n"), get_with("Connection: X-Unknown\r\n")},
     200},
    {"9112, 9.6",
     level::must,
     "After a request with the option close the connection closes, and what came after it is not served.",
     {get_with("Connection: close\r\n") + ping, get_with("Connection: keep-alive, close\r\n") + ping,
      get_with("Connection: CLOSE\r\n") + ping, get_with("Connection: a\r\nConnection: close\r\n") + ping},
     200,
     then::closes},
    {"9112, 9.3",
     level::must,
     "A connection of HTTP/1.0 closes unless the client asks for it to be kept.",
     {get_1_0(""), get_1_0("Connection: close\r\n"), get_1_0("Connection: keep-alive, close\r\n"), get_1_0("Connection: X\r\n")},
     200,
     then::closes},
    {"9112, C.2.2",
     level::must,
     "A connection of HTTP/1.0 that stays is said to stay.",
     {get_1_0("Connection: keep-alive\r\n"), get_1_0("Host: a\r\nConnection: Keep-Alive\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("connection") == "keep-alive"); }},
    {"9110, 7.6.1",
     level::must,
     "Connection options that are not known, and the fields they name, are ignored.",
     {get_with("Connection: X-A, TE\r\nX-A: b\r\nTE: trailers, deflate;q=0.5\r\n")},
     200},
    {"9110, 7.8",
     level::ours,
     "Upgrade is ignored.",
     {get_with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
      get_with(
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK_FALSE(answer.has_header("upgrade")); }},
    {"9110, 10.1.1",
     level::must,
     "An expectation other than 100-continue cannot be met.",
     {get_with("Expect: 200-ok\r\n"), post_with("Expect: 100-continue, more\r\nContent-Length: 3\r\n", "")},
     417,
     then::closes},
    {"9110, 10.1.1",
     level::must,
     "The expectation 100-continue of HTTP/1.0 is ignored.",
     {"POST /token HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na=b"},
     400,
     then::closes},
    {"9110, 10.1.1",
     level::ours,
     "A client that has sent its body already is not told to go on.",
     {post_with("Expect: 100-continue\r\nContent-Length: 3\r\n", "a=b")},
     400},
    {"9110, 10.1.1",
     level::should,
     "A request that will not be served is refused before its body is sent.",
     {post_with("Expect: 100-continue\r\nContent-Length: 2000000\r\n", "")},
     413,
     then::closes},
    {"9110, 13.2",
     level::must,
     "A request that is refused anyway is refused for that reason, whatever its preconditions are.",
     {"PATCH /ctms/x HTTP/1.1\r\nHost: a\r\nIf-Match: \"a\"\r\nContent-Length: 2\r\n\r\n{}"},
     401},
    {"9110, 14.2",
     level::ours,
     "Range is ignored.",
     {get_with("Range: bytes=0-1\r\n"), get_with("Range: lines=a\r\nIf-Range: \"a\"\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.body == R"({"status":"OK"})"); }},
    {"9110, 13.1",
     level::must,
     "Preconditions on dates are ignored, since no resource has one, and those of reads of what has no entity tag.",
     {get_with("If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n"), get_with("If-Unmodified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\n"),
      get_with("If-None-Match: \"a\"\r\n"), get_with("If-Modified-Since: never\r\n")},
     200},
    {"9110, 12.5.1",
     level::ours,
     "An answer of another type than asked for is better than none.",
     {get_with("Accept: image/png\r\n"), get_with("Accept: */*;q=0\r\n")},
     200},
    {"9110, 12.5.3",
     level::must,
     "A content coding is used only when the client accepts it.",
     {get_document(""), get_document("Accept-Encoding:\r\n"), get_document("Accept-Encoding: gzip;q=0\r\n"),
      get_document("Accept-Encoding: gzip;q=0.000, *\r\n"), get_document("Accept-Encoding: br, identity\r\n"),
      get_document("Accept-Encoding: *;q=0\r\n"), get_document("Accept-Encoding: identity;q=0\r\n")},
     200,
     then::stays,
     is_plain},
    {"9110, 12.5.3",
     level::ours,
     "gzip is used when it is accepted.",
     {get_document("Accept-Encoding: gzip\r\n"), get_document("Accept-Encoding: br;q=1, GZIP;q=0.1\r\n"),
      get_document("Accept-Encoding: *\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("content-encoding") == "gzip"); }},
    {"9110, 5.1",
     level::must,
     "Fields that are not known are ignored, and those meant for proxies and caches.",
     {get_with("Foo: bar\r\nVia: 1.1 proxy\r\nMax-Forwards: 0\r\nPragma: no-cache\r\nCache-Control: only-if-cached\r\nTrailer: A\r\nFrom: "
               "x\r\n")},
     200},
};

} // namespace

std::span<const rfc_rule> rules_of_connections() { return rules; }

TEST_CASE("RFC 9112: connections, expectations, preconditions and content negotiation") {
    web_fixture web;
    check_rules(web, rules);
}

TEST_CASE("RFC 9110, 10.1.1: a client that expects 100-continue gets it once its request is known to be valid") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send(post_with("Expect: 100-Continue\r\nContent-Length: 3\r\n", "")));
    CHECK(connection.receive().status == 100);
    REQUIRE(connection.send("a=b"));
    CHECK(connection.receive().status == 400);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
    http_connection bad(web.port());
    REQUIRE(bad.send("POST /token HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
    CHECK(bad.receive().status == 400); // no Host
    CHECK(bad.ends_within(5s));
}

TEST_CASE("RFC 9112, 9.3.2: pipelined requests are answered in order, even after HEAD") {
    web_fixture web;
    http_connection connection(web.port());
    const auto lines =
        request_text("GET", "/updates?start=2001-01-01T00:00:00Z", {web.authorization(), {"Accept", "application/x-ndjson"}});
    REQUIRE(connection.send(request_text("HEAD", "/openapi.json") + lines + request_text("GET", "/nothing") +
                            get_with("Content-Length: 2\r\n") + "ab" + request_text("POST", "/token", {}, "a=b") +
                            get_with("Connection: close\r\n") + ping));
    CHECK(connection.receive(true).header("content-length") != "0");
    CHECK(connection.receive().header("content-type").starts_with("application/x-ndjson"));
    CHECK(connection.receive().status == 404);
    CHECK(connection.receive().status == 200);
    CHECK(connection.receive().status == 400);
    const auto last = connection.receive();
    CHECK(last.status == 200);
    CHECK_FALSE(last.keep_alive);
    CHECK(connection.ends_within(5s));
}

TEST_CASE("RFC 9112, 6.1: no chunks are sent to HTTP/1.0") {
    web_fixture web;
    web.sql("insert into emails (email_id, primary_email, update_timestamp) select gen_random_uuid(), n || '@example.com', now()"
            " from generate_series(1, 200) n"); // more than the first piece
    for (const std::string keep : {"", "Connection: keep-alive\r\n"}) {
        http_connection connection(web.port());
        REQUIRE(connection.send("GET /updates?start=2001-01-01T00:00:00Z HTTP/1.0\r\nAuthorization: " + web.authorization().second +
                                "\r\nAccept: application/x-ndjson\r\n" + keep + "\r\n"));
        const auto answer = connection.receive();
        CHECK(answer.status == 200);
        CHECK_FALSE(answer.has_header("transfer-encoding"));
        CHECK(answer.body.starts_with('{'));
        CHECK_FALSE(answer.keep_alive);
    }
}

TEST_CASE("RFC 9110, 13.2: a write is not performed if its precondition is false") {
    web_fixture web;
    const auto id = web.add_contact(R"({"email":{"primary_email":"a@example.com","first_name":"Old"}})");
    const header_list json{web.authorization(), {"Content-Type", "application/json"}};
    const auto patch = [&](const std::string& name, const std::string& value) {
        auto headers = json;
        headers.emplace_back(name, value);
        return web.ask("PATCH", "/ctms/" + id, headers, R"({"email":{"first_name":"New"}})");
    };
    for (const auto& header : header_list{{"If-Match", "\"a\""}, {"If-Match", "\"a\", W/\"b\""}, {"If-None-Match", "*"}}) {
        CAPTURE(header.first);
        const auto refused = patch(header.first, header.second);
        CHECK(refused.status == 412);
        CHECK(refused.body == R"({"detail":"Precondition Failed"})");
        CHECK(web.get("/ctms/" + id).body.find("\"Old\"") != std::string::npos);
    }
    CHECK(patch("If-None-Match", "\"a\"").status == 200);
    CHECK(patch("If-Match", "*").status == 200);
    CHECK(web.get("/ctms/" + id).body.find("\"New\"") != std::string::npos);
}

TEST_CASE("RFC 9110, 11.1: the name of an authentication scheme is case-insensitive") {
    web_fixture web;
    const auto token = web.authorization().second.substr(std::string("Bearer ").size());
    for (const std::string scheme : {"Bearer ", "bearer ", "BEARER "})
        CHECK(web.ask("GET", "/ctms?fxa_id=x", {{"Authorization", scheme + token}}).status == 200);
}

} // namespace ctms::test
