// SPDX-License-Identifier: MPL-2.0
// Every parser of untrusted text takes time in proportion to its length, whatever the text is. Forms: form_test.cpp.
#include "service/contact_changes.hpp"
#include "json/any_url.hpp"
#include "json/body.hpp"
#include "json/changed_fields.hpp"
#include "json/echo.hpp"
#include "json/python_text.hpp"

#include <ctms/auth/access_token.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/json/contact_json.hpp>
#include <ctms/privacy/redact.hpp>
#include <support/cpu_time.hpp>
#include <web/server/accept.hpp>
#include <web/server/compression.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>
#include <string_view>

using namespace ctms;

namespace {

std::string repeated(std::string_view piece, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
}

double time_of(void (*work)(const std::string&), const std::string& text) {
    return test::shortest_cpu_seconds([&] { work(text); });
}

void json_body(const std::string& text) { (void)json::body::parse(text); }
void json_string(const std::string& text) { (void)json::body::parse("{\"a\":\"" + text + "\" x"); }
void json_list(const std::string& text) { (void)json::body::parse("[" + text + "0]"); }
void any_url(const std::string& text) { (void)json::parse_any_url("http://" + text.substr(0, 65'000)); }
void python_repr(const std::string& text) { (void)ctms::python_string_repr(text); }
void python_number(const std::string& text) { (void)json::python_float(text); }
void strip(const std::string& text) { (void)json::python_strip(text); }
void basic(const std::string& text) { (void)auth::parse_basic(text); }
void redact(const std::string& text) { (void)privacy::redact_text(text); }
void redact_request(const std::string& text) {
    (void)privacy::redact_header("x", text);
    (void)privacy::redact_query_value(text, text);
    (void)privacy::redact_path(text, "");
}
void gzip_choice(const std::string& text) { (void)web::accepts_gzip(text); }
void media_choice(const std::string& text) {
    web::request http;
    http.headers.emplace_back("accept", text);
    (void)web::prefers(http, "application/x-ndjson", "application/json");
}

} // namespace

TEST_CASE("the time to parse untrusted text is linear in its length") {
    const struct {
        std::string_view piece;
        void (*work)(const std::string&);
    } inputs[] = {
        {"[", json_body},
        {"{\"a\":", json_body},
        {"\n", json_body},
        {"NaN,", json_list},
        {"\"NaN\",", json_list},
        {"0,", json_list},
        {"\\u0041", json_string},
        {"\\\"", json_string},
        {"é", json_string},
        {"@", any_url},
        {":", any_url},
        {"a.", any_url},
        {"%", any_url},
        {"\x01'\"", python_repr},
        {"1_", python_number},
        {"0", python_number},
        {" ", strip},
        {"\u3000", strip},
        {"QUFB", basic},
        {"@", redact},
        {"%25", redact},
        {"%2540", redact},
        {"a@b ", redact},
        {"\"@", redact},
        {")=(", redact},
        {"+trace", redact},
        {"/?&=", redact},
        {"&amp;", redact},
        {"&#0", redact},
        {"\\x{0", redact},
        {"a@\\u{", redact},
        {"%25", redact_request},
        {"%2525", redact_request},
        {"se", redact_request},
        {"@%40", redact_request},
        {"/?&=", redact_request},
        {"*;q=", gzip_choice},
        {";", gzip_choice},
        {"*;", gzip_choice},
        {" ", gzip_choice},
        {"*/*,", media_choice},
        {";q=0", media_choice},
        {", ", media_choice},
    };
    constexpr std::size_t small = 64 * 1024;
    for (const auto& input : inputs) {
        const auto& piece = input.piece; // a binding cannot be captured (clang 14)
        const auto& work = input.work;
        CAPTURE(piece);
        CHECK(time_of(work, repeated(piece, 8 * small)) < 24 * time_of(work, repeated(piece, small)) + 0.05);
    }
}

TEST_CASE("the time to change a contact is linear in the number of its newsletters and waitlists") {
    const auto time_with = [](int number) {
        model::contact stored;
        model::contact_patch patch;
        for (int i = 0; i < number; ++i) {
            const auto name = fmt::format("{:08}", i);
            stored.newsletters.push_back({.name = name});
            stored.waitlists.push_back({.name = name});
            patch.newsletters.put({.name = name, .source = "new"});
            patch.waitlists.put({.name = name, .source = "new"});
        }
        return test::shortest_cpu_seconds([&] {
            const auto changed = service::patched(patch, stored).value();
            (void)json::changed_fields(&stored, changed.after);
        });
    };
    CHECK(time_with(16'000) < 24 * time_with(2'000) + 0.05);
}

TEST_CASE("invalid JSON is quoted around its error, in whole characters") {
    const auto context_of = [](const std::string& text) {
        const auto broken = json::body::parse(text);
        REQUIRE(broken.has_error());
        REQUIRE(broken.error().fields.size() == 1);
        return boost::json::parse(broken.error().fields[0].context).as_object();
    };
    const std::string long_text(1 << 20, '\x01');
    CHECK(json::body::parse(long_text).error().fields[0].context.size() < 2000);
    CHECK(context_of("[" + repeated("\"é\",", 10'000) + "x").at("doc").as_string().size() <= 2 * json::longest_echo);
    const auto far = context_of("[" + repeated("\"some text\",", 100'000) + "here x]" + repeated(" ", 100'000));
    CHECK(std::string_view(far.at("doc").as_string()).find("here") != std::string_view::npos);
    CHECK(far.at("pos").to_number<std::size_t>() >= 100'000);
    CHECK(context_of("{\"a\": x}").at("doc") == "{\"a\": x}"); // short texts are quoted completely, as the Python service does
}

TEST_CASE("an echo is truncated after a whole character") {
    CHECK(json::echo_of("abc") == "abc");
    CHECK(json::echo_of(std::string(200, 'a')) == std::string(200, 'a'));
    CHECK(json::echo_of(std::string(201, 'a')) == std::string(200, 'a') + "...");
    CHECK(json::echo_of(repeated("é", 402)) == repeated("é", 400) + "...");
    CHECK(json::echo_around("abc", 3) == "abc");
    CHECK(json::echo_around("abc", 99) == "abc");
    CHECK(json::echo_around("", 0).empty());
    CHECK(json::echo_around(repeated("é", 1000), 501) == repeated("é", 400));
}

TEST_CASE("the answer to many or long mistakes is small") {
    const auto size_of = [](const std::string& text) {
        const auto body = json::body::parse(text);
        REQUIRE(body.has_value());
        const auto read = json::read_contact(*body, json::purpose::create);
        REQUIRE(read.has_error());
        std::string out;
        json::write_error(out, read.error());
        return out.size();
    };
    const std::string email = R"({"email":{"primary_email":"a@example.com"},)";
    CHECK(size_of(email + "\"newsletters\":[" + repeated("1,", 19'998) + "1],\"waitlists\":[" + repeated("1,", 19'998) + "1]}") <
          512 * 1024);
    CHECK(size_of(email + R"("newsletters":[{"name":"a","format":")" + repeated("\\u0001", 900'000) + "\"}]}") < 8 * 1024);
    CHECK(size_of(email + R"("newsletters":[{"name":"a","source":"http://a.b/ )" + repeated("\\u0001", 300'000) + "\"}]}") < 8 * 1024);
    std::string urls;
    for (int i = 0; i < 300; ++i) urls += R"({"name":"a","source":"http://a.b/ )" + repeated("\\u0001", 3000) + "\"},";
    CHECK(size_of(email + "\"newsletters\":[" + urls + "1]}") < 512 * 1024);
}
