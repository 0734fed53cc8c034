// SPDX-License-Identifier: MPL-2.0
// The expected messages are those of pydantic 1.10.
#include "json/any_url.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>

using ctms::json::parse_any_url;
using ctms::json::url_error;

namespace {

// Returns the URL, or the type of the error.
std::string outcome_of(std::string_view text) {
    const auto outcome = parse_any_url(text);
    if (const auto* url = std::get_if<std::string>(&outcome)) return *url;
    return std::get<url_error>(outcome).type;
}

url_error error_of(std::string_view text) {
    const auto outcome = parse_any_url(text);
    REQUIRE(std::holds_alternative<url_error>(outcome));
    return std::get<url_error>(outcome);
}

void check_unchanged(std::string_view text) { CHECK(outcome_of(text) == text); }

constexpr std::string_view bad_host = "value_error.url.host";
constexpr std::string_view bad_scheme = "value_error.url.scheme";
constexpr std::string_view bad_extra = "value_error.url.extra";

} // namespace

TEST_CASE("a valid URL is returned unchanged") {
    for (const std::string_view url :
         {"https://foo_bar.example.com/", "http://[::1]:80/x", "http://[2001:db8::1]", "https://user:pw@example.com/",
          "HTTPS://EXAMPLE.COM/A", "x-app://foo/bar", "http://a", "http://localhost:8000", "http://127.0.0.1/", "http://999.1.1.1:1?q#f",
          "http://example.com?", "http://example.com/#", "http://example.com./x", "https://example.com/ü?q=ü#ü", "a+b.c-d://example.com",
          "http://example.com:0000000080/", "http://u@h.example.com", "https://example.com/a//b/?c?d=/#e?f", "http://1.2.3.4567/"}) {
        check_unchanged(url);
    }
}

TEST_CASE("whitespace around a URL is stripped") { CHECK(outcome_of(" \t\u00A0http://example.com/\u3000\n") == "http://example.com/"); }

TEST_CASE("a blank URL is too short") {
    for (const std::string_view text : {"", "  \u2003"}) {
        const url_error problem = error_of(text);
        CHECK(problem.message == "ensure this value has at least 1 characters");
        CHECK(problem.type == "value_error.any_str.min_length");
        CHECK(problem.context == R"({"limit_value":1})");
    }
}

TEST_CASE("a URL has at most 65536 characters, however many bytes they take") {
    std::string url = "http://example.com/";
    while (url.size() < 19 + 2 * (65'536 - 19)) url += "ü";
    check_unchanged(url);
    const url_error problem = error_of(url + "x");
    CHECK(problem.message == "ensure this value has at most 65536 characters");
    CHECK(problem.type == "value_error.any_str.max_length");
    CHECK(problem.context == R"({"limit_value":65536})");
}

TEST_CASE("a URL without a scheme is refused") {
    for (const std::string_view text :
         {"mailto:a@b.c", "http:/x", "1http://example.com", "://x", "www.mozilla.org", "a://x", "/path", "ht_tp://example.com"}) {
        CAPTURE(text);
        CHECK(outcome_of(text) == bad_scheme);
    }
    CHECK(error_of("x").message == "invalid or missing URL scheme");
    CHECK(error_of("x").context.empty());
}

TEST_CASE("a port is at most 65535") {
    check_unchanged("http://example.com:65535");
    const url_error problem = error_of("http://example.com:65536");
    CHECK(problem.message == "URL port invalid, port cannot exceed 65535");
    CHECK(problem.type == "value_error.url.port");
    CHECK(problem.context.empty());
    CHECK(outcome_of("http://example.com:" + std::string(10'000, '9')) == "value_error.url.port");
}

TEST_CASE("the message and the context quote the text after a URL") {
    CHECK(error_of("https://[::1").message == "URL invalid, extra characters found after valid URL: '::1'");
    CHECK(error_of("https://[::1").context == R"({"extra":"::1"})");
    CHECK(error_of("https://example.com:").message == "URL invalid, extra characters found after valid URL: ':'");
    CHECK(error_of("http://exa mple.com").message == "URL invalid, extra characters found after valid URL: ' mple.com'");
    CHECK(error_of("http://exa mple.com").type == bad_extra);
}

TEST_CASE("the text after a URL is quoted as Python quotes it") {
    const url_error problem = error_of("http://example.com/ it's\n\"\\");
    CHECK(problem.message == R"(URL invalid, extra characters found after valid URL: ' it\'s\n"\\')");
    CHECK(problem.context == R"({"extra":" it's\n\"\\"})");
    CHECK(error_of("http://example.com/ it's").message == R"(URL invalid, extra characters found after valid URL: " it's")");
}

TEST_CASE("a URL without a host is refused") {
    for (const std::string_view text : {"http://", "http:///path", "http://?q", "http://#f", "http://user@", "http://:80"}) {
        CAPTURE(text);
        CHECK(outcome_of(text) == bad_host);
    }
    CHECK(error_of("http://").message == "URL host invalid");
    CHECK(error_of("http://").context.empty());
}

TEST_CASE("each label of a host has 1 to 63 characters and neither starts nor ends with a hyphen") {
    for (const std::string_view text : {"http://-bad-.com", "http://bad-.com", "http://..", "https://example..com/", "http://.com",
                                        "http://a%20b.com", "http://ex\u0001mple.com", "http://\U00040001.com"}) {
        CAPTURE(text);
        CHECK(outcome_of(text) == bad_host);
    }
    check_unchanged("http://" + std::string(63, 'a') + ".com");
    CHECK(outcome_of("http://" + std::string(64, 'a') + ".com") == bad_host);
}

TEST_CASE("errors are reported in the order scheme, port, extra characters, host") {
    CHECK(outcome_of("-bad-.com:99999 x") == bad_scheme);
    CHECK(outcome_of("http://-bad-.com:99999 x") == "value_error.url.port");
    CHECK(outcome_of("http://-bad-.com:80 x") == bad_extra);
    CHECK(outcome_of("http://-bad-.com:80") == bad_host);
}

TEST_CASE("the last at sign ends the user name and the password") {
    check_unchanged("http://u:p@h@example.com/");
    check_unchanged("http://a@b@example.com/");
    check_unchanged("http://example.org?x=a@example.com/");
    CHECK(outcome_of("http://a@b:c") == bad_extra);
    CHECK(outcome_of("http://u:p@-bad-.com") == bad_host);
}

TEST_CASE("a host that is not ASCII is returned in Punycode") {
    CHECK(outcome_of("https://exämple.com/ü?q=ü") == "https://xn--exmple-cua.com/ü?q=ü");
    CHECK(outcome_of("http://u:p@faß.de:80/x?y#z") == "http://u:p@fass.de:80/x?y#z");
    CHECK(outcome_of("http://例え.テスト") == "http://xn--r8jz45g.xn--zckzah");
    CHECK(outcome_of("http://EXAMPLE.ÄÖ.com.") == "http://EXAMPLE.xn--4ca0b.com.");
    CHECK(outcome_of("http://☃.net") == "http://xn--n3h.net");
}

TEST_CASE("a host that Punycode cannot encode is refused") {
    CHECK(outcome_of("http://\u00AD.com") == bad_host);
    CHECK(outcome_of("http://ä。\u3002b.com") == bad_host);
    std::string long_label;
    for (int i = 0; i < 63; ++i) long_label += "ä";
    CHECK(outcome_of("http://" + long_label + ".com") == bad_host);
}

TEST_CASE("a URL whose host is a single label loses its empty parts") {
    CHECK(outcome_of("http://localhost?") == "http://localhost");
    CHECK(outcome_of("http://localhost/?#") == "http://localhost/");
    CHECK(outcome_of("http://:@localhost/") == "http://localhost/");
}

TEST_CASE("hostile URLs are parsed in linear time") {
    for (const std::string_view unit : {"@", ":", "@:", "a.", "ä.", "-", "[", "1.", " "}) {
        std::string text = "http://";
        while (text.size() < 1'048'576) text += unit;
        CHECK(outcome_of(text).starts_with("value_error."));
        CHECK(outcome_of(text.substr(0, 60'000) + "\x01").starts_with("value_error."));
    }
}
