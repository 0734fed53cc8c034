// SPDX-License-Identifier: MPL-2.0
#include <support/http/request_rules.hpp>

#include <doctest/doctest.h>

#include <array>

using ctms::http::check_head;
using ctms::http::expects_continue;
using ctms::http::keeps_connection;
using ctms::http::origin_form;
using ctms::http::refuse_request_line;

namespace {

using header_list = std::vector<std::pair<std::string, std::string>>;

/// Returns the status that refuses a request head, or 0 if it is accepted.
int refused(std::string_view method, std::string_view target, const header_list& headers = {{"host", "a"}}, bool http_1_1 = true) {
    const auto found = check_head({method, target, http_1_1, headers});
    return found ? found->status : 0;
}

int refused(header_list headers, bool http_1_1 = true) {
    headers.emplace_back("host", "a");
    return refused("POST", "/x", headers, http_1_1);
}

} // namespace

TEST_CASE("a target has one of the forms of RFC 9112") {
    for (const std::string good : {"/", "/a/b?c=d&e", "//a", "/%zz", "http://a", "HTTP://a/b", "https://a.example:443?q",
                                   "http://[::1]:80/", "http://a:/b", "http://%41/"}) {
        CAPTURE(good);
        CHECK(refused("GET", good) == 0);
    }
    for (const std::string bad : {"",
                                  "a",
                                  "*",
                                  "a:80",
                                  "?a",
                                  "/a#b",
                                  "http://",
                                  "http:///a",
                                  "http://:80/",
                                  "http://b@a/",
                                  "http://a:b@c/",
                                  "ftp://a/",
                                  "http:/a",
                                  "http:a",
                                  "http://a b/",
                                  "/a\x7f",
                                  "/a b",
                                  "http://a:99999/",
                                  "http://[::1/",
                                  "http://[::g]/",
                                  "javascript:alert(1)"}) {
        CAPTURE(bad);
        CHECK(refused("GET", bad) == 400);
    }
    CHECK(refused("OPTIONS", "*") == 0);
    CHECK(refused("OPTIONS", "**") == 400);
    CHECK(refused("CONNECT", "a:80") == 0);
    CHECK(refused("CONNECT", "/a") == 400);
    CHECK(refused("CONNECT", "a") == 400);
}

TEST_CASE("a request has exactly one valid Host") {
    for (const std::string good : {"", "a", "a.example:8000", "127.0.0.1", "[::1]", "[2001:db8::1]:80", "a_b", "a:", "%41", "xn--a"}) {
        CAPTURE(good);
        CHECK(refused("GET", "/", {{"host", good}}) == 0);
    }
    for (const std::string bad :
         {"a b",      "a/b", "a@b", "a:b",  "a:80:80", "a:99999", "a:123456", "[::1", "[::1]x",   "::1", "[::1%eth0]",
          "http://a", "a#",  "a?",  "a\\b", "\"a\"",   "<a>",     "%4",       "%zz",  "\xc3\xa9", "a\tb"}) {
        CAPTURE(bad);
        CHECK(refused("GET", "/", {{"host", bad}}) == 400);
    }
    CHECK(refused("GET", "/", {}) == 400);
    CHECK(refused("GET", "http://a/", {}) == 400);
    CHECK(refused("GET", "/", {}, false) == 0);
    CHECK(refused("GET", "/", {{"host", "a"}, {"host", "a"}}) == 400);
    CHECK(refused("GET", "/", {{"host", "a"}, {"host", "b"}}, false) == 400);
    CHECK(refused("GET", "/", {{"host", "a b"}}, false) == 400);
}

TEST_CASE("a request has at most one length, made of digits") {
    CHECK(refused({{"content-length", "5"}}) == 0);
    CHECK(refused({{"content-length", "0005"}}) == 0);
    for (const std::string bad : {"", "+5", "-5", "5,5", "5, 5", "0x5", "5 5", "5.0", "five"}) {
        CAPTURE(bad);
        CHECK(refused({{"content-length", bad}}) == 400);
    }
    CHECK(refused({{"content-length", "5"}, {"content-length", "5"}}) == 400);
    CHECK(refused({{"content-length", "5"}, {"transfer-encoding", "chunked"}}) == 400);
}

TEST_CASE("the only accepted transfer coding is a single chunked") {
    CHECK(refused({{"transfer-encoding", "chunked"}}) == 0);
    CHECK(refused({{"transfer-encoding", "CHUNKED"}}) == 0);
    CHECK(refused({{"transfer-encoding", "chunked"}}, false) == 400);
    for (const std::string bad :
         {"", "gzip", "identity", "xchunked", "chunked, gzip", "chunked, chunked", "chunked,", "chunked;a=b", "\"chunked\""}) {
        CAPTURE(bad);
        CHECK(refused({{"transfer-encoding", bad}}) == 400);
    }
    for (const std::string list : {"gzip, chunked", "gzip,,chunked", ",chunked"}) CHECK(refused({{"transfer-encoding", list}}) == 501);
    CHECK(refused({{"transfer-encoding", "gzip"}, {"transfer-encoding", "chunked"}}) == 501);
    CHECK(refused({{"transfer-encoding", "chunked"}, {"transfer-encoding", "chunked"}}) == 400);
}

TEST_CASE("the only accepted expectation is 100-continue") {
    CHECK(refused({{"expect", "100-Continue"}}) == 0);
    CHECK(refused({{"expect", "200-ok"}}) == 417);
    CHECK(refused({{"expect", "100-continue, more"}}) == 417);
    CHECK(refused({{"expect", "more"}, {"expect", "100-continue"}}) == 417);
    CHECK(refused({{"expect", "more"}}, false) == 0);
    const header_list asks{{"host", "a"}, {"expect", "100-CONTINUE"}};
    CHECK(expects_continue({"POST", "/", true, asks}));
    CHECK_FALSE(expects_continue({"POST", "/", false, asks}));
    CHECK_FALSE(expects_continue({"POST", "/", true, {}}));
}

TEST_CASE("a client can ask to keep the connection open or to close it") {
    const auto kept = [](header_list headers, bool http_1_1) { return keeps_connection({"GET", "/", http_1_1, headers}); };
    CHECK(kept({}, true));
    CHECK_FALSE(kept({}, false));
    for (const bool http_1_1 : {true, false}) {
        CHECK(kept({{"connection", "Keep-Alive"}}, http_1_1));
        CHECK(kept({{"connection", "a"}, {"connection", "b ,keep-alive"}}, http_1_1));
        for (const std::string close : {"close", "CLOSE", "keep-alive, close", "close,keep-alive", "a , close\t"}) {
            CHECK_FALSE(kept({{"connection", close}}, http_1_1));
            CHECK_FALSE(kept({{"connection", "keep-alive"}, {"connection", close}}, http_1_1));
        }
    }
    CHECK(kept({{"connection", "closed"}, {"close", "close"}, {"connection", ""}}, true));
}

TEST_CASE("a request line that cannot be parsed gets the matching status") {
    for (const std::string other :
         {"GET / HTTP/2.0\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n", "GET / HTTP/0.9\r\n", "GET / HTTP/1.2\r\n", "GET / HTTP/3.0\n"})
        CHECK(refuse_request_line(other).status == 505);
    for (const std::string bad : {"GET /\r\n", "GET / HTTP/1.10\r\n", "GET / HTTP/11\r\n", "GET / http/1.1\r\n", "GET / HTTP/1.1\r\n",
                                  "\r\n", "GET / HTTP/2\r\n", "HTTP/2.0 200 OK\r\n"})
        CHECK(refuse_request_line(bad).status == 400);
    CHECK(refuse_request_line("GET /aaaaaaaa").status == 414);
}

TEST_CASE("an absolute URL is reduced to its path and query") {
    CHECK(origin_form("GET", "/a?b") == "/a?b");
    CHECK(origin_form("GET", "http://host") == "/");
    CHECK(origin_form("GET", "http://host?a") == "/?a");
    CHECK(origin_form("GET", "HTTPS://host:1//b/?c") == "//b/?c");
    CHECK(origin_form("OPTIONS", "*") == "*");
    // A request about the server itself (RFC 9112, 3.2.4).
    CHECK(origin_form("OPTIONS", "http://host") == "*");
    CHECK(origin_form("OPTIONS", "http://host/") == "/");
    CHECK(origin_form("OPTIONS", "http://host?") == "/?");
}
