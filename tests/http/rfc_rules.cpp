// SPDX-License-Identifier: MPL-2.0
#include "rfc_rules.hpp"

#include <doctest/doctest.h>

#include <regex>

namespace ctms::test {
namespace {

using namespace std::chrono_literals;

/// The form IMF-fixdate (RFC 9110, 5.6.7).
bool is_date(const std::string& text) {
    static const std::regex form("(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] [A-Z][a-z]{2} [0-9]{4} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT");
    return std::regex_match(text, form);
}

/// Checks what every response must have (RFC 9110: 6.6.1, 8.3, 8.6, 11.6.1, 15.5.6).
void check_answer(const http_answer& answer, bool to_head) {
    CHECK(is_date(answer.header("date")));
    if (!answer.body.empty()) CHECK_FALSE(answer.header("content-type").empty());
    const bool is_framed = answer.has_header("content-length") != answer.has_header("transfer-encoding");
    const bool may_have_body = !to_head && answer.status != 304;
    CHECK((is_framed || !may_have_body));
    if (answer.status == 401) CHECK(answer.header("www-authenticate") == "Bearer");
    if (answer.status == 405) CHECK_FALSE(answer.header("allow").empty());
}

void check_rule(web_fixture& web, const rfc_rule& rule, const std::string& request) {
    const bool to_head = request.find("HEAD ") < 10;
    http_connection connection(web.port());
    REQUIRE(connection.send(request));
    const auto answer = connection.receive(to_head);
    CHECK(answer.status == rule.status);
    check_answer(answer, to_head);
    if (rule.check) rule.check(answer);
    if (rule.after == then::closes) {
        CHECK_FALSE(answer.keep_alive);
        CHECK(connection.ends_within(5s)); // and nothing after it is answered
    } else {
        CHECK(answer.keep_alive);
        const auto next = connection.ask("GET", "/__lbheartbeat__");
        CHECK(next.status == 200);
        CHECK(next.body == R"({"status":"OK"})");
    }
}

} // namespace

void check_rules(web_fixture& web, std::span<const rfc_rule> rules) {
    for (const auto& rule : rules) {
        CAPTURE(std::string(rule.section));
        CAPTURE(std::string(rule.text));
        for (const auto& request : rule.requests) {
            CAPTURE(request.substr(0, 400));
            try {
                check_rule(web, rule, request);
            } catch (const std::exception& failure) {
                FAIL_CHECK("no readable response: ", failure.what());
            }
        }
    }
}

std::string get_with(std::string_view fields) {
    return "GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) + "\r\n";
}

std::string post_with(std::string_view fields, std::string_view rest) {
    return "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n" + std::string(fields) + "\r\n" +
           std::string(rest);
}

std::string post_chunks(std::string_view rest) { return post_with("Transfer-Encoding: chunked\r\n", rest); }

} // namespace ctms::test
