// SPDX-License-Identifier: MPL-2.0
// HTTP/1.1 on the wire: persistent connections, and requests that could smuggle another one.
#include <support/web_fixture.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

constexpr auto ping = "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends bytes that must be refused with 400, after which the connection ends without a second response.
void check_refused(web_fixture& web, const std::string& bytes) {
    CAPTURE(bytes);
    http_connection connection(web.port());
    REQUIRE(connection.send(bytes));
    const auto answer = connection.receive();
    CHECK(answer.status == 400);
    CHECK(answer.body == R"({"detail":"Bad Request"})");
    CHECK_FALSE(answer.keep_alive);
    CHECK(connection.ends_within(5s));
}

std::string post(const std::string& headers, const std::string& rest) {
    return "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" + headers + "\r\n" + rest;
}

} // namespace

TEST_CASE("a connection serves several requests in succession") {
    web_fixture web;
    http_connection connection(web.port());
    for (int i = 0; i < 5; ++i) {
        const auto answer = connection.ask("GET", "/__lbheartbeat__");
        CHECK(answer.status == 200);
        CHECK(answer.keep_alive);
    }
    CHECK(connection.ask("GET", "/nothing").keep_alive);
    CHECK(connection.ask("POST", "/ctms", {{"Content-Type", "application/json"}}, "{").status == 422);
    CHECK(connection.ask("GET", "/ctms", {web.authorization()}).status == 400);
}

TEST_CASE("pipelined requests are answered in order") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send(request_text("GET", "/ctms?fxa_id=x", {web.authorization()}) + ping +
                            request_text("POST", "/token", {}, "a=b") + request_text("GET", "/nothing")));
    CHECK(connection.receive().body == "[]");
    CHECK(connection.receive().body == R"({"status":"OK"})");
    CHECK(connection.receive().status == 400);
    CHECK(connection.receive().status == 404);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a target may be an absolute URL, as proxies send it") {
    web_fixture web;
    CHECK(web.ask("GET", "http://localhost/__lbheartbeat__").status == 200);
    CHECK(web.ask("GET", "HTTP://localhost:80/ctms?fxa_id=x", {web.authorization()}).body == "[]");
    CHECK(web.ask("GET", "http://localhost").status == 307);
    CHECK(web.ask("GET", "http://localhost?a=b").status == 307);
    CHECK(web.ask("OPTIONS", "*").status == 200);
}

TEST_CASE("a request may arrive in pieces of any size") {
    web_fixture web;
    http_connection connection(web.port());
    const auto text = web.contact_request();
    for (const char byte : text) REQUIRE(connection.send(std::string_view(&byte, 1)));
    CHECK(connection.receive().status == 201);
}

TEST_CASE("a connection ends if the client asks for it") {
    web_fixture web;
    {
        http_connection connection(web.port());
        CHECK_FALSE(connection.ask("GET", "/__lbheartbeat__", {{"Connection", "close"}}).keep_alive);
        CHECK(connection.ends_within(5s));
    }
    {
        http_connection connection(web.port());
        REQUIRE(connection.send("GET /__lbheartbeat__ HTTP/1.0\r\n\r\n"));
        CHECK(connection.receive().status == 200);
        CHECK(connection.ends_within(5s));
    }
    {
        http_connection connection(web.port());
        REQUIRE(connection.send(ping));
        connection.finish_sending();
        CHECK(connection.receive().status == 200);
        CHECK(connection.ends_within(5s));
    }
}

TEST_CASE("a client that disconnects during a request does no harm") {
    web_fixture web;
    for (const std::string part : {"G", "GET / HTTP/1.1\r\n", "POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"}) {
        http_connection connection(web.port());
        REQUIRE(connection.send(part));
        connection.finish_sending();
        CHECK(connection.ends_within(5s));
    }
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a body may be sent in chunks") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + web.authorization().second +
                            "\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "A;extension=1\r\n{\"email\":{\r\n14\r\n\"primary_email\":\"a\"}\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n"));
    CHECK(connection.receive().status == 201);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a client that expects 100-continue gets it") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send(post("Expect: 100-continue\r\nContent-Length: 3\r\n", "")));
    CHECK(connection.receive().status == 100);
    REQUIRE(connection.send("a=b"));
    CHECK(connection.receive().status == 400);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("a request with two lengths is refused") {
    web_fixture web;
    const std::string hidden = "GET /__version__ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    check_refused(web, post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + hidden));
    check_refused(web, post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + hidden));
    check_refused(web, post("Content-Length: 5\r\nContent-Length: 6\r\n", "a=b&c=" + hidden));
    check_refused(web, post("Content-Length: 5, 6\r\n", "a=b&c=" + hidden));
    check_refused(web, post("Content-Length: +5\r\n", "a=b&c" + hidden));
    check_refused(web, post("Content-Length: 0x5\r\n", "a=b&c" + hidden));
    check_refused(web, post("Content-Length: -1\r\n", hidden));
    check_refused(web, post("Content-Length: 18446744073709551617\r\n", "a" + hidden));
}

TEST_CASE("a transfer encoding that is not chunked is refused") {
    web_fixture web;
    const std::string hidden = "GET /__version__ HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (const std::string encoding : {"gzip", "identity", "xchunked", "chunked, gzip", "chunked, identity"}) {
        check_refused(web, post("Transfer-Encoding: " + encoding + "\r\n", "0\r\n\r\n" + hidden));
    }
}

TEST_CASE("lines that end with only a line feed are refused") {
    web_fixture web;
    check_refused(web, "GET /__lbheartbeat__ HTTP/1.1\nHost: localhost\n\n");
    check_refused(web, "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n");
    check_refused(web, "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\n\n\r\n\r\n");
    check_refused(web, post("Transfer-Encoding: chunked\r\n", "3\na=b\r\n0\r\n\r\n"));
}

TEST_CASE("invalid chunks are refused") {
    web_fixture web;
    for (const std::string chunks : {"x\r\n", "-3\r\na=b\r\n0\r\n\r\n", "3\r\na=bc\r\n0\r\n\r\n", "0x3\r\na=b\r\n0\r\n\r\n",
                                     " 3\r\na=b\r\n0\r\n\r\n", "11111111111111111\r\na=b\r\n0\r\n\r\n", "\r\na=b\r\n0\r\n\r\n"}) {
        check_refused(web, post("Transfer-Encoding: chunked\r\n", chunks));
    }
}

TEST_CASE("malformed requests are refused") {
    web_fixture web;
    for (const std::string text :
         {"GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\nHost localhost\r\n\r\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
          "GE\x01T / HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nX: a\x01\r\n\r\n",
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello this is TLS\r\n\r\n"}) {
        check_refused(web, text);
    }
    check_refused(web, std::string("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n", 26));
    CHECK(web.log_text().find("refused: malformed") != std::string::npos);
    CHECK(web.ask("GET", "/metrics").body.find(R"(ctms_requests_rejected_total{reason="malformed"} 10)") != std::string::npos);
}
