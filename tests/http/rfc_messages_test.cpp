// SPDX-License-Identifier: MPL-2.0
// RFC 9112, 2 to 5, and RFC 9110, 5: lines, versions and fields.
#include "rfc_rules.hpp"

#include <doctest/doctest.h>

namespace ctms::test {
namespace {

const std::string hidden = "GET /__version__ HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string with_line(std::string_view line) { return std::string(line) + "\r\nHost: localhost\r\n\r\n"; }
std::string long_text(std::size_t size) { return std::string(size, 'x'); }

const std::vector<rfc_rule> rules{
    {"9112, 2.2",
     level::should,
     "Empty lines before a request line are skipped.",
     {"\r\n" + get_with(""), "\r\n\r\n\r\n" + get_with("")},
     200},
    {"9112, 2.2",
     level::must,
     "A carriage return that no line feed follows makes a request invalid.",
     {get_with("A: b\rc\r\n") + hidden, get_with("A: b\r\r\n") + hidden, "GET /\r HTTP/1.1\r\nHost: localhost\r\n\r\n"},
     400,
     then::closes},
    {"9112, 2.2",
     level::ours,
     "Lines that end with a line feed alone are refused.",
     {"GET /__lbheartbeat__ HTTP/1.1\nHost: localhost\n\n", get_with("A: b\nC: d\r\n") + hidden,
      "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\n\n\r\n\r\n"},
     400,
     then::closes},
    {"9112, 2.2",
     level::must,
     "White space between the request line and the first field is refused.",
     {"GET /__lbheartbeat__ HTTP/1.1\r\n Host: localhost\r\n\r\n", "GET /__lbheartbeat__ HTTP/1.1\r\n\tA: b\r\nHost: localhost\r\n\r\n"},
     400,
     then::closes},
    {"9112, 2.2",
     level::should,
     "What does not follow the grammar of HTTP is refused.",
     {"GET\r\n\r\n", with_line("GET /"), with_line("GET  / HTTP/1.1"), with_line("GET / a HTTP/1.1"), with_line("GET\t/ HTTP/1.1"),
      with_line(" GET / HTTP/1.1"), with_line("GET / HTTP/1.1 "), with_line("GE\x01T / HTTP/1.1"), with_line("G(T / HTTP/1.1"),
      with_line("GET /\x01 HTTP/1.1"), "\x16\x03\x01\x02\x01 this begins as TLS does\r\n\r\n"},
     400,
     then::closes},
    {"9112, 2.3",
     level::must,
     "A version that is not written as HTTP/1.0 and HTTP/1.1 are is refused.",
     {with_line("GET / HTTP/1.10"), with_line("GET / HTTP/11"), with_line("GET / http/1.1"), with_line("GET / HTTP/1"),
      with_line("GET / XTTP/1.1")},
     400,
     then::closes},
    {"9110, 2.5",
     level::ours,
     "Other versions get 505, HTTP/1.2 as well: there is none, and what it would mean is not known.",
     {with_line("GET / HTTP/2.0"), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", with_line("GET / HTTP/0.9"), with_line("GET / HTTP/1.2"),
      with_line("GET / HTTP/3.0")},
     505,
     then::closes},
    {"9112, 3",
     level::should,
     "A request line of 8,000 bytes is read.",
     {with_line("GET /__lbheartbeat__?" + long_text(8'000) + " HTTP/1.1")},
     200},
    {"9110, 4.1",
     level::must,
     "A target that is longer than what the server reads gets 414.",
     {"GET /" + long_text(20'000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /" + long_text(100'000)},
     414,
     then::closes},
    {"9110, 5.4",
     level::must,
     "Fields that are longer than what the server reads get 431.",
     {get_with("A: " + long_text(20'000) + "\r\n"), get_with(long_text(20'000) + ": b\r\n"),
      "GET / HTTP/1.1\r\nHost: localhost\r\nA: " + long_text(100'000)},
     431,
     then::closes},
    {"9110, 5.1",
     level::must,
     "Names of fields are not case-sensitive.",
     {"GET /__lbheartbeat__ HTTP/1.1\r\nhOsT: localhost\r\nX-REQUEST-ID: abc\r\n\r\n"},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("x-request-id") == "abc"); }},
    {"9112, 5",
     level::must,
     "Blanks around the value of a field do not belong to it.",
     {get_with("X-Request-Id: \t abc \t \r\n"), get_with("X-Request-Id:abc\r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("x-request-id") == "abc"); }},
    {"9112, 5.1",
     level::must,
     "White space between the name of a field and the colon is refused.",
     {get_with("A : b\r\n") + hidden, get_with("A\t: b\r\n") + hidden, "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
      post_with("Content-Length : 3\r\n", "a=b")},
     400,
     then::closes},
    {"9112, 5.2",
     level::must,
     "A folded line is read as one line with a blank.",
     {get_with("X-Request-Id:\r\n abc\r\n"), get_with("X-Request-Id: abc\r\n \r\n")},
     200,
     then::stays,
     [](const http_answer& answer) { CHECK(answer.header("x-request-id") == "abc"); }},
    {"9110, 5.5",
     level::must,
     "Control characters in the value of a field are refused, NUL among them.",
     {get_with(std::string("A: b\0c\r\n", 8)), get_with("A: b\x01\r\n"), get_with("A: b\x7f\r\n"), get_with("A: b\x1b[0m\r\n")},
     400,
     then::closes},
    {"9110, 5.6.2",
     level::must,
     "The name of a field is a token.",
     {get_with("A b: c\r\n"), get_with(": c\r\n"), get_with("A\xc3\xa9: c\r\n"), get_with("A(b): c\r\n"), get_with("A\r\n"),
      get_with("\"A\": c\r\n")},
     400,
     then::closes},
    {"9110, 5.5", level::should, "Bytes above 127 in a value are taken as they are.", {get_with("A: \xc3\xa9\xff\r\n")}, 200},
};

} // namespace

std::span<const rfc_rule> rules_of_messages() { return rules; }

TEST_CASE("RFC 9112: lines, versions and fields") {
    web_fixture web;
    check_rules(web, rules);
}

} // namespace ctms::test
