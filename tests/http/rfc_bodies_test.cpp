// SPDX-License-Identifier: MPL-2.0
// RFC 9112, 6 and 7: the end of a body. If the connection stays open after POST /token refuses a form, the form was read completely.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>

namespace ctms::test {
namespace {

const std::string hidden = "GET /__version__ HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string end = "0\r\n\r\n";

/// Returns one request for each value of the field, each with the same rest.
std::vector<std::string> with_each(std::string_view field, const std::vector<std::string>& values, const std::string& rest) {
    std::vector<std::string> out;
    for (const auto& value : values) out.push_back(post_with(std::string(field) + ": " + value + "\r\n", rest));
    return out;
}

std::string repeated(std::string_view text, std::size_t size) {
    std::string out;
    while (out.size() < size) out += text;
    return out;
}

const std::vector<rfc_rule> rules{
    {"9112, 6.3", level::must, "Without Content-Length and Transfer-Encoding there is no body.", {post_with("", "")}, 400},
    {"9112, 6.3",
     level::must,
     "A body is as long as Content-Length says.",
     {post_with("Content-Length: 3\r\n", "a=b"), post_with("Content-Length: 0003\r\n", "a=b"), post_with("Content-Length: 0\r\n", "")},
     400},
    {"9112, 6.3", level::must, "A Content-Length that is not a number is refused.",
     with_each("Content-Length", {"+3", "-3", "0x3", "3 3", "", "3.0", "3;4", "a", "18446744073709551617", "\"3\""}, "a=b" + hidden), 400,
     then::closes},
    {"9112, 6.3",
     level::must,
     "Two lengths that differ are refused.",
     {post_with("Content-Length: 3\r\nContent-Length: 4\r\n", "a=b" + hidden), post_with("Content-Length: 3, 4\r\n", "a=b" + hidden)},
     400,
     then::closes},
    {"9112, 6.3",
     level::ours,
     "Two lengths that are the same are refused as well.",
     {post_with("Content-Length: 3\r\nContent-Length: 3\r\n", "a=b" + hidden), post_with("Content-Length: 3, 3\r\n", "a=b" + hidden)},
     400,
     then::closes},
    {"9112, 6.1",
     level::must,
     "A request with Transfer-Encoding and Content-Length is refused.",
     {post_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", end + hidden),
      post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", end + hidden),
      post_with("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", end + hidden),
      post_with("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", end + hidden)},
     400,
     then::closes},
    {"9112, 6.1",
     level::must,
     "A request of HTTP/1.0 with Transfer-Encoding is refused.",
     {"POST /token HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end,
      "POST /token HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + end + hidden},
     400,
     then::closes},
    {"9112, 6.3", level::must, "A body whose last coding is not chunked has no end, and is refused.",
     with_each("Transfer-Encoding",
               {"gzip", "identity", "xchunked", "chunked, gzip", "chunked, identity", "", "chunked;a=b", "\"chunked\""}, end + hidden),
     400, then::closes},
    {"9112, 6.1",
     level::must,
     "Chunks within chunks are refused.",
     {post_with("Transfer-Encoding: chunked, chunked\r\n", end + hidden),
      post_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", end + hidden)},
     400,
     then::closes},
    {"9112, 6.1",
     level::should,
     "Other codings before chunked are not implemented.",
     {post_with("Transfer-Encoding: gzip, chunked\r\n", end + hidden),
      post_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", end + hidden)},
     501,
     then::closes},
    {"9112, 7.1",
     level::must,
     "Chunks are read, and the name of the coding is not case-sensitive.",
     {post_chunks("3\r\na=b\r\n" + end), post_chunks("A\r\na=b&c=d&ef\r\n1\r\n=\r\n" + end), post_chunks("a\r\n0123456789\r\n000\r\n\r\n"),
      post_chunks("0003\r\na=b\r\n" + end), post_with("Transfer-Encoding: ChunkeD\r\n", "3\r\na=b\r\n" + end)},
     400},
    {"9112, 7.1",
     level::must,
     "The size of a chunk is a hexadecimal number, and cannot overflow.",
     {post_chunks("x\r\n"), post_chunks("-3\r\na=b\r\n" + end), post_chunks("+3\r\na=b\r\n" + end), post_chunks("0x3\r\na=b\r\n" + end),
      post_chunks(" 3\r\na=b\r\n" + end), post_chunks("11111111111111111\r\na=b\r\n" + end), post_chunks("\r\na=b\r\n" + end),
      post_chunks("3 \r\na=b\r\n" + end)},
     400,
     then::closes},
    {"9112, 7.1",
     level::must,
     "The data of a chunk ends with a line end, and is as long as its size.",
     {post_chunks("3\r\na=bc\r\n" + end), post_chunks("3\na=b\r\n" + end), post_chunks("3\r\na=b\n" + end),
      post_chunks("4\r\na=b\r\n" + end)},
     400,
     then::closes},
    {"9112, 7.1.1",
     level::must,
     "Chunk extensions are ignored.",
     {post_chunks("3;a\r\na=b\r\n" + end), post_chunks("3;a=b;c=\"d; e\"\r\na=b\r\n0;f\r\n\r\n"),
      post_chunks("3 ; a = b\r\na=b\r\n" + end)},
     400},
    {"9112, 7.1.1",
     level::must,
     "Control characters in a chunk extension are refused, also in quotes.",
     {post_chunks("3;a=\"\n\"\r\na=b\r\n" + end), post_chunks("3;a=\"\x01\"\r\na=b\r\n" + end), post_chunks("0;a=\"\n\"\r\n\r\n")},
     400,
     then::closes},
    {"9112, 7.1.1",
     level::must,
     "Chunk extensions are bounded.",
     {post_chunks("3;a=" + repeated("b", 20'000) + "\r\na=b\r\n" + end)},
     431,
     then::closes},
    {"9112, 7.1.2",
     level::must,
     "Trailer fields are dropped, and never become header fields.",
     {post_chunks("3\r\na=b\r\n0\r\nX-Request-Id: late\r\nHost: other\r\nConnection: X\r\n\r\n")},
     400,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("x-request-id") != "late"); }},
    {"9110, 6.5.1",
     level::ours,
     "A trailer field that would frame the body is refused.",
     {post_chunks("0\r\nContent-Length: 5\r\n\r\n" + hidden), post_chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden)},
     400,
     then::closes},
    {"9110, 5.4",
     level::must,
     "Trailer fields are bounded with the header fields.",
     {post_chunks("0\r\nA: " + repeated("b", 66'000) + "\r\n\r\n"), post_chunks("0\r\n" + repeated("b", 66'000) + ": b\r\n\r\n"),
      post_chunks("0\r\n" + repeated("A: b\r\n", 20'000) + "\r\n"),
      post_with("A: " + repeated("b", 10'000) + "\r\nTransfer-Encoding: chunked\r\n", "0\r\nA: " + repeated("b", 10'000) + "\r\n\r\n")},
     431,
     then::closes},
    {"9110, 15.5.14",
     level::ours,
     "A body that is longer than what the server reads gets 413.",
     {post_with("Content-Length: 1048577\r\n", ""), post_with("Content-Length: 18446744073709551615\r\n", ""), post_chunks("100001\r\n"),
      post_chunks("fffffffffffffff0\r\n")},
     413,
     then::closes},
    {"9110, 9.3.1",
     level::ours,
     "The body of a GET is read and ignored.",
     {get_with("Content-Length: 5\r\n") + "hello", get_with("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n"},
     200},
};

} // namespace

std::span<const rfc_rule> rules_of_bodies() { return rules; }

TEST_CASE("RFC 9112: the end of a body") {
    web_fixture web;
    check_rules(web, rules);
}

TEST_CASE("RFC 9110, 6.5.1: a trailer field gives no permissions") {
    web_fixture web;
    http_connection connection(web.port());
    REQUIRE(connection.send("POST /ctms HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n"
                            "24\r\n{\"email\":{\"primary_email\":\"a@b.de\"}}\r\n0\r\nAuthorization: " +
                            web.authorization().second + "\r\n\r\n"));
    CHECK(connection.receive().status == 401);
    CHECK(connection.ask("GET", "/__lbheartbeat__").status == 200);
}

TEST_CASE("RFC 9112, 8: an incomplete request is not served") {
    web_fixture web;
    for (const auto& part : {post_with("Content-Length: 10\r\n", "a=b"), post_chunks("3\r\na=b\r\n"), post_chunks("3\r\na=b\r\n0\r\n"),
                             get_with("").substr(0, 30)}) {
        http_connection connection(web.port());
        REQUIRE(connection.send(part));
        connection.finish_sending();
        CHECK(connection.ends_within(std::chrono::seconds(5)));
    }
    CHECK(web.ask("GET", "/__lbheartbeat__").status == 200);
}

} // namespace ctms::test
