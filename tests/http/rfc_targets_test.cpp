// SPDX-License-Identifier: MPL-2.0
// RFC 9112, 3.2, and RFC 9110, 4, 7 and 9: targets, Host and methods.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>

#include <web/server/route.hpp>

#include <algorithm>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

/// Returns a request line with one valid Host.
std::string line(std::string_view method, std::string_view target) {
    return std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}
std::string get(std::string_view target) { return line("GET", target); }
std::string with_host(std::string_view fields, std::string_view version = "1.1") {
    return "GET /__lbheartbeat__ HTTP/" + std::string(version) + "\r\n" + std::string(fields) + "\r\n";
}

const std::vector<rfc_rule> rules{
    {"9112, 3.2",
     level::must,
     "A request of HTTP/1.1 without Host, with two, or with one that is not valid is refused.",
     {with_host(""), with_host("Host: a\r\nHost: a\r\n"), with_host("Host: a\r\nHost: b\r\n"), with_host("Host: a b\r\n"),
      with_host("Host: a/b\r\n"), with_host("Host: b@a\r\n"), with_host("Host: a:b\r\n"), with_host("Host: a:99999\r\n"),
      with_host("Host: [::1\r\n"), with_host("Host: http://a\r\n"), with_host("Host: a, b\r\n"), with_host("Host: a\r\nHost: a\r\n", "1.0"),
      with_host("Host: a b\r\n", "1.0"), "GET http://localhost/__lbheartbeat__ HTTP/1.1\r\n\r\n"},
     400,
     then::closes},
    {"9112, 3.2",
     level::ours,
     "Any host that is valid is served: an empty one, names, addresses, ports.",
     {with_host("Host:\r\n"), with_host("Host: a.example:8000\r\n"), with_host("Host: [::1]:80\r\n"), with_host("Host: 127.0.0.1\r\n")},
     200},
    {"9112, 3.2", level::must, "A request of HTTP/1.0 may lack Host.", {with_host("", "1.0")}, 200, then::closes},
    {"9112, 3.2.1",
     level::must,
     "A target may be a path with a query.",
     {get("/__lbheartbeat__"), get("/__lbheartbeat__?"), get("/__lbheartbeat__?a=/b?c")},
     200},
    {"9112, 3.2.2",
     level::must,
     "A target may be a whole URL, and the Host that was sent with it does not matter.",
     {get("http://localhost/__lbheartbeat__"), get("HTTP://other.example:80/__lbheartbeat__?a"), get("https://[::1]/__lbheartbeat__")},
     200},
    {"9110, 4.2.1",
     level::must,
     "A URL without a host is refused.",
     {get("http:///__lbheartbeat__"), get("http://:80/"), get("http://")},
     400,
     then::closes},
    {"9110, 4.2.4",
     level::should,
     "A URL with user information is refused.",
     {get("http://user@localhost/"), get("http://user:password@localhost/")},
     400,
     then::closes},
    {"9110, 7.4",
     level::ours,
     "A URL of another scheme is refused.",
     {get("ftp://localhost/"), get("file:///etc/passwd"), get("localhost/")},
     400,
     then::closes},
    {"9112, 3.2.3",
     level::must,
     "An authority is the target of CONNECT alone.",
     {get("localhost:80"), get("localhost")},
     400,
     then::closes},
    {"9112, 3.2.4",
     level::must,
     "The target * belongs to OPTIONS alone.",
     {get("*"), line("POST", "*"), line("OPTIONS", "**")},
     400,
     then::closes},
    {"9110, 9.3.7",
     level::must,
     "OPTIONS * names the methods of the server, with an empty body.",
     {line("OPTIONS", "*"), line("OPTIONS", "http://localhost")},
     200,
     then::stays,
     [](const http_answer& answer) {
         CHECK(answer.header("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE");
         CHECK(answer.header("content-length") == "0");
     }},
    {"9110, 7.1",
     level::must,
     "A target with a fragment is refused.",
     {get("/__lbheartbeat__#a"), get("http://localhost/#a")},
     400,
     then::closes},
    {"9112, 3.2",
     level::should,
     "A target with control characters is refused.",
     {get("/a\x7f"), get("/__lbheartbeat__?\x01")},
     400,
     then::closes},
    {"9112, 3.2",
     level::should,
     "Bytes beyond ASCII in a target, which clients should percent-encode, are taken as they are.",
     {get("/__lbheartbeat__?\xc3\xa9")},
     200},
    {"9110, 4.2.3",
     level::must,
     "A character and its percent-encoded form are the same in a path.",
     {get("/%5F_lbheartbeat%5f_"), get("/__%6cbheartbeat__")},
     200},
    {"9110, 4.2.3",
     level::ours,
     "Dot segments and double slashes are not removed.",
     {get("/a/../__lbheartbeat__"), get("/./__lbheartbeat__"), get("//__lbheartbeat__"), get("/%2e%2e/__lbheartbeat__"),
      get("/__lbheartbeat__%3f"), get("/%zz"), get("/%00")},
     404},
    {"9110, 9.1",
     level::should,
     "A method that no resource has is not implemented; methods are case-sensitive.",
     {line("TRACE", "/__lbheartbeat__"), line("CONNECT", "localhost:80"), line("get", "/__lbheartbeat__"), line("FOO", "/"),
      line("PROPFIND", "/nothing")},
     501},
    {"9110, 15.5.6",
     level::must,
     "A method that the resource does not have is not allowed, and Allow names those that it has.",
     {line("DELETE", "/__lbheartbeat__"), line("OPTIONS", "/__lbheartbeat__")},
     405,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("allow") == "GET, HEAD"); }},
    {"9110, 9.3.2",
     level::must,
     "HEAD is answered where GET is, without a body.",
     {line("HEAD", "/__lbheartbeat__"), line("HEAD", "/__version__"), line("HEAD", "/metrics"), line("HEAD", "/openapi.json")},
     200},
    {"9110, 11.6.1",
     level::must,
     "A request that needs a token and has none gets 401 with a challenge.",
     {get("/ctms?fxa_id=x"), line("HEAD", "/updates")},
     401},
    {"9110, 10.2.2",
     level::must,
     "A redirect names a path of this server, whatever Host was sent.",
     {"GET /ctms/?a=b%20c HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET http://evil.example/ctms/?a=b%20c HTTP/1.1\r\nHost: a\r\n\r\n"},
     307,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("location") == "/ctms?a=b%20c"); }},
    {"9110, 10.2.2",
     level::ours,
     "A path that a client would take for another host is not redirected to.",
     {get("//evil.example/ctms/"), get("//evil.example/.."), get("///ctms/"), get("/%2f/ctms/"), get("/%5cevil.example/")},
     404,
     then::stays,
     [](const http_answer& answer) { CHECK_FALSE(answer.has_header("location")); }},
};

/// Returns the header fields that must be the same for HEAD and GET. `is_dated`: times in the body may change its length.
header_list stable_headers(const http_answer& answer, bool is_dated) {
    header_list out;
    for (auto one : answer.headers) {
        if (one.first == "content-length" && is_dated) one.second = one.second == "0" ? "none" : "some";
        if (one.first != "date" && one.first != "x-request-id") out.push_back(one);
    }
    return out;
}

} // namespace

std::span<const rfc_rule> rules_of_targets() { return rules; }

TEST_CASE("RFC 9112: targets, Host and methods") {
    web_fixture web;
    check_rules(web, rules);
}

TEST_CASE("RFC 9110, 9.3.2: HEAD returns the headers of GET for every route") {
    web_fixture web;
    const auto id = web.add_contact(R"({"email":{"primary_email":"a@example.com"}})");
    for (const auto& route : web::all_routes()) {
        if (route.method != "GET" || route.path == "/metrics") continue; // its numbers change
        std::string path(route.path);
        const auto brace = path.find('{');
        if (brace != std::string::npos) path.replace(brace, path.find('}') + 1 - brace, path.starts_with("/docs") ? "swagger-ui.css" : id);
        for (const std::string query : {"", "?start=2001-01-01T00:00:00Z", "?primary_email=a%40example.com"}) {
            CAPTURE(path);
            CAPTURE(query);
            http_connection connection(web.port());
            const header_list headers{web.authorization(), {"Accept-Encoding", "gzip"}};
            const auto get = connection.ask("GET", path + query, headers);
            const auto head = connection.ask("HEAD", path + query, headers);
            CHECK(head.status == get.status);
            const bool is_dated = path == "/updates" || path == "/__heartbeat__" || path.ends_with("/export");
            CHECK(stable_headers(head, is_dated) == stable_headers(get, is_dated));
            CHECK(head.body.empty());
            CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
        }
    }
}

TEST_CASE("RFC 9110, 9.3.2: a HEAD request that is refused before it is read gets no body either") {
    web_fixture web;
    const std::string line = "HEAD / HTTP/1.1\r\n";
    const std::vector<std::pair<std::string, int>> refused{{"HEAD http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
                                                           {line + "\r\n", 400},
                                                           {line + "Host: a\r\nno colon\r\n\r\n", 400},
                                                           {"HEAD / HTTP/1.1 x\r\nHost: a\r\n\r\n", 400},
                                                           {"HEAD / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
                                                           {"HEAD /" + std::string(17'000, 'a'), 414},
                                                           {line + "Host: a\r\nX: " + std::string(17'000, 'a'), 431},
                                                           {line + "Host: a\r\nExpect: a\r\n\r\n", 417},
                                                           {line + "Host: a\r\nContent-Length: 2000000\r\n\r\n", 413},
                                                           {line + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
                                                           {line + "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501}};
    for (const auto& one : refused) {
        CAPTURE(one.first.substr(0, 80));
        http_connection connection(web.port());
        REQUIRE(connection.send(one.first));
        CHECK(connection.receive(true).status == one.second);
        CHECK(connection.ends_within(5s));
    }
}

TEST_CASE("RFC 9110, 9.3.2: a HEAD request that arrives too slowly gets no body either") {
    ctms::web::limits bounds;
    bounds.header_time = 200ms;
    web_fixture web({.limits = bounds});
    for (const std::string begin : {"HEAD / HTT", "HEAD / HTTP/1.1\r\nHost: a\r\n"}) {
        http_connection connection(web.port());
        REQUIRE(connection.send(begin));
        CHECK(connection.receive(true).status == 408);
        CHECK(connection.ends_within(5s));
    }
}

TEST_CASE("RFC 9110, 9.3.2: HEAD of a streamed response sends only the headers") {
    web_fixture web;
    web.add_contact(R"({"email":{"primary_email":"a@example.com"}})");
    http_connection connection(web.port());
    const header_list lines{web.authorization(), {"Accept", "application/x-ndjson"}};
    const auto head = connection.ask("HEAD", "/updates?start=2001-01-01T00:00:00Z", lines);
    CHECK(head.status == 200);
    CHECK(head.header("content-type").starts_with("application/x-ndjson"));
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

} // namespace ctms::test
