// SPDX-License-Identifier: MPL-2.0
#include <ctms/net/http_client.hpp>

#include "support/raw_server.hpp"

#include <ctms/base/trace_context.hpp>
#include <ctms/base/version.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

using namespace ctms;
using namespace ctms::net;
using ctms::test::answer_text;
using ctms::test::raw_connection;
using ctms::test::raw_server;

namespace {

/// A server that sends these bytes to every request and closes. last() is the request that it received.
class one_answer {
public:
    explicit one_answer(std::string bytes)
        : bytes_(std::move(bytes)), server_([this](raw_connection& peer) {
              last_ = peer.read_request();
              peer.send(bytes_);
          }) {}

    http_outcome ask(const http_request& request = {}, http_options options = {}, std::string_view path = "") {
        http_client client(server_.url() + std::string(path), std::move(options));
        auto out = client.send(request);
        REQUIRE(server_.wait_closed(1));
        return out;
    }
    [[nodiscard]] const std::string& last() const noexcept { return last_; }
    [[nodiscard]] const raw_server& server() const noexcept { return server_; }

private:
    std::string bytes_;
    std::string last_;
    raw_server server_;
};

std::string failure_of(const http_outcome& outcome) {
    REQUIRE(!outcome);
    CHECK(outcome.error().code == errc::unavailable);
    return outcome.error().detail;
}

} // namespace

TEST_CASE("an answer is returned in full, whatever its status") {
    one_answer at(answer_text("{\"a\": 1}", "Content-Type: application/json\r\nX-Two: x\r\n", "404 Not Found"));
    const auto answer = at.ask();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 404);
    CHECK(answer->body == "{\"a\": 1}");
    CHECK(answer->header("content-type") == "application/json");
    CHECK(answer->header("x-two") == "x");
    CHECK(answer->header("x-three").empty());
}

TEST_CASE("a redirect is returned and not followed") {
    one_answer at(answer_text("", "Location: /elsewhere\r\n", "302 Found"));
    const auto answer = at.ask();
    REQUIRE(answer.has_value());
    CHECK(answer->status == 302);
    CHECK(answer->header("location") == "/elsewhere");
    CHECK(at.server().accepted() == 1);
}

TEST_CASE("a request contains what was given, and Host, User-Agent and Content-Length") {
    one_answer at(answer_text(""));
    REQUIRE(at.ask({.method = "POST", .target = "/do?x=1", .headers = {{"Authorization", "Bearer t"}}, .body = "a=b"}, {}, "/base/")
                .has_value());
    CHECK(at.last().starts_with("POST /base/do?x=1 HTTP/1.1\r\n"));
    CHECK(at.last().find("\r\nHost: 127.0.0.1:" + std::to_string(at.server().port()) + "\r\n") != std::string::npos);
    CHECK(at.last().find("\r\nUser-Agent: ctms/" + std::string(ctms::version()) + "\r\n") != std::string::npos);
    CHECK(at.last().find("\r\nAuthorization: Bearer t\r\n") != std::string::npos);
    CHECK(at.last().find("\r\nContent-Length: 3\r\n") != std::string::npos);
    CHECK(at.last().ends_with("\r\n\r\na=b"));
}

TEST_CASE("a request belongs to the trace of its thread") {
    one_answer without(answer_text(""));
    REQUIRE(without.ask().has_value());
    CHECK(without.last().find("traceparent") == std::string::npos);
    const auto trace = ctms::trace_context::begin();
    const ctms::trace_scope scope(&trace);
    one_answer with(answer_text(""));
    REQUIRE(with.ask().has_value());
    CHECK(with.last().find("\r\ntraceparent: 00-" + trace.trace_id + "-") != std::string::npos);
}

TEST_CASE("the target is the path of the URL when the request has none") {
    struct example {
        const char* path;
        const char* target;
        std::string line;
    };
    for (const auto& one : {example{"", "", "GET / "},
                            {"", "?q=1", "GET /?q=1 "},
                            {"", "/x", "GET /x "},
                            {"/", "/x", "GET /x "},
                            {"/api", "", "GET /api "},
                            {"/api/", "", "GET /api/ "},
                            {"/api", "?q=1", "GET /api?q=1 "},
                            {"/api", "/x", "GET /api/x "}}) {
        CAPTURE(one.line);
        one_answer at(answer_text(""));
        REQUIRE(at.ask({.target = one.target}, {}, one.path).has_value());
        CHECK(at.last().starts_with(one.line));
    }
}

TEST_CASE("bodies may be chunked or end with the connection") {
    one_answer chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    CHECK(chunks.ask()->body == "abcdefg");
    one_answer open("HTTP/1.1 200 OK\r\n\r\nto the end");
    CHECK(open.ask()->body == "to the end");
}

TEST_CASE("an answer to HEAD has no body, and 100 Continue is skipped") {
    one_answer head("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    CHECK(head.ask({.method = "HEAD"})->header("content-length") == "1000");
    one_answer patient("HTTP/1.1 100 Continue\r\n\r\n" + answer_text("real"));
    CHECK(patient.ask()->body == "real");
}

TEST_CASE("an answer that is too long fails") {
    const std::string five = "12345";
    for (const auto& bytes :
         {answer_text(five), std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"),
          "HTTP/1.1 200 OK\r\n\r\n" + five}) {
        CAPTURE(bytes);
        one_answer fits(bytes);
        CHECK(fits.ask({}, {.longest_body = 5})->body == five);
        one_answer too_long(bytes);
        CHECK(failure_of(too_long.ask({}, {.longest_body = 4})) == "answer too long");
    }
    one_answer header(answer_text("", "X: " + std::string(70'000, 'x') + "\r\n"));
    CHECK(failure_of(header.ask()) == "answer too long");
}

TEST_CASE("an answer that is incomplete or missing is reported") {
    for (const std::string bytes : {"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab"}) {
        CAPTURE(bytes);
        one_answer at(bytes);
        CHECK(failure_of(at.ask()) == "the connection was cut off");
        CHECK(at.server().accepted() == 1);
    }
    one_answer garbage("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    CHECK(failure_of(garbage.ask()).starts_with("the answer is not valid HTTP"));
}

TEST_CASE("an early refusal of a long request is read") {
    raw_server server([](raw_connection& peer) {
        peer.send(answer_text("too large", "Connection: close\r\n", "413 Payload Too Large"));
        static_cast<void>(peer.read_request());
    });
    http_client client(server.url());
    const auto answer = client.send({.method = "POST", .body = std::string(1 << 20, 'x')});
    REQUIRE(answer.has_value());
    CHECK(answer->status == 413);
}

TEST_CASE("a server that does not listen is reported") {
    std::string url;
    {
        const raw_server gone([](raw_connection&) {});
        url = gone.url();
    }
    http_client client(url);
    CHECK(failure_of(client.send({})).starts_with("cannot connect"));
}

TEST_CASE("host names are resolved, and unknown names fail") {
    raw_server server([](raw_connection& peer) {
        static_cast<void>(peer.read_request());
        peer.send(answer_text("by name"));
    });
    http_client client(server.url("localhost"));
    CHECK(client.send({})->body == "by name");
    http_client nowhere("http://nowhere.invalid", {.timeout = std::chrono::seconds(20)});
    CHECK(failure_of(nowhere.send({})) == "cannot resolve the host name");
}

TEST_CASE("failure messages contain nothing from the request") {
    one_answer at("");
    const auto detail = failure_of(at.ask({.target = "/secret", .headers = {{"X", "secret"}}, .body = "secret"}));
    CHECK(detail.find("secret") == std::string::npos);
}

TEST_CASE("invalid URLs are refused without being repeated in the message") {
    for (const std::string url : {"", "host", "ftp://host", "http://", "http:///path", "https://secret@host", "https://u:secret@host",
                                  "http://host:0", "http://host:65536", "http://host:x", "http://host/?q=secret", "http://host/#f",
                                  "http://ho st/", "http://ho%0d%0ast/", "http://[::1", "http://[v1.x]/"}) {
        CAPTURE(url);
        try {
            const http_client client(url);
            FAIL("accepted");
        } catch (const std::invalid_argument& failure) {
            CHECK(std::string_view(failure.what()).find("secret") == std::string_view::npos);
        }
    }
    for (const std::string url : {"http://host", "HTTPS://host/", "http://host:", "http://[::1]:8080/a", "https://10.0.0.1:1/a/b"}) {
        CAPTURE(url);
        CHECK_NOTHROW(http_client(url, {}));
    }
}

TEST_CASE("no part of a request can inject a line into its head") {
    http_client client("http://127.0.0.1:1");
    CHECK_THROWS_AS(static_cast<void>(client.send({.method = "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET"})), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(client.send({.target = "/a b"})), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(client.send({.headers = {{"A", "b\r\nC: d"}}})), std::invalid_argument);
    CHECK_THROWS_AS(static_cast<void>(client.send({.headers = {{"A:\n", "b"}}})), std::invalid_argument);
}

TEST_CASE("forms are encoded") {
    CHECK(form_encode({}).empty());
    CHECK(form_encode({{"grant_type", "refresh_token"}, {"a b", "1&2=3+4%"}, {"empty", ""}, {"name", "J\xc3\xbcrgen"}}) ==
          "grant_type=refresh_token&a+b=1%262%3D3%2B4%25&empty=&name=J%C3%BCrgen");
    CHECK(form_encode({{"x", "-_.~"}}) == "x=-_.~");
}
