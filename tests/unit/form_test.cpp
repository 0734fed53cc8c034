// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <support/cpu_time.hpp>
#include <web/server/form.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

using namespace ctms::web;

namespace {

constexpr std::string_view type = "multipart/form-data; boundary=XX";

/// Parses a multipart body with the boundary XX; "\n" means a line end.
std::optional<form_values> multipart(std::string_view body, std::string_view content_type = type) {
    std::string lines;
    for (const char c : body) lines += c == '\n' ? std::string("\r\n") : std::string(1, c);
    return parse_multipart(content_type, lines);
}

using pairs = std::vector<std::pair<std::string, std::string>>;

} // namespace

TEST_CASE("percent-encoding is decoded") {
    CHECK(percent_decode("", false).empty());
    CHECK(percent_decode("abc", false) == "abc");
    CHECK(percent_decode("%41%2F%2f%3d", false) == "A//=");
    CHECK(percent_decode("%C3%A9%F0%9F%98%80", false) == "é😀");
    CHECK(percent_decode("%2541", false) == "%41");
    CHECK(percent_decode("%00", false) == std::string(1, '\0'));
    CHECK(percent_decode("a+b", false) == "a+b");
    CHECK(percent_decode("a+b%2B", true) == "a b+");
}

TEST_CASE("invalid percent-encoding is kept unchanged") {
    for (const std::string text : {"%", "%4", "a%", "%zz", "%4g", "%g4", "%%", "% 41", "%+1"}) {
        CAPTURE(text);
        CHECK(percent_decode(text, false) == text);
    }
    CHECK(percent_decode("%%41", false) == "%A");
}

TEST_CASE("bytes that are not UTF-8 become replacement characters") {
    CHECK(percent_decode("%FF", false) == "\uFFFD");
    CHECK(percent_decode("a%FFb%C3", false) == "a\uFFFDb\uFFFD");
    CHECK(percent_decode("%C3%28", false) == "\uFFFD(");
    CHECK(percent_decode("%ED%A0%80", false) == "\uFFFD\uFFFD\uFFFD");
    CHECK(percent_decode("\xFF\xC3\xA9", false) == "\uFFFDé");
}

TEST_CASE("paths are encoded except for their unreserved characters and slashes") {
    CHECK(percent_encode_path("/ctms/a-b_c.d~e") == "/ctms/a-b_c.d~e");
    CHECK(percent_encode_path("/a b?c#d%é\r\n") == "/a%20b%3Fc%23d%25%C3%A9%0D%0A");
    CHECK(percent_encode_path("a@b+c&d=e:") == "a%40b%2Bc%26d%3De%3A");
}

TEST_CASE("encoded text is decoded to the original") {
    std::mt19937 random(7);
    for (int round = 0; round < 2'000; ++round) {
        std::string text;
        for (auto length = random() % 20; length > 0; --length) text += static_cast<char>(random() % 128);
        CHECK(percent_decode(percent_encode_path(text), false) == text);
    }
}

TEST_CASE("a form has names and values in their order") {
    CHECK(parse_urlencoded("").pairs().empty());
    CHECK(parse_urlencoded("a=1&b=2&a=3").pairs() == pairs{{"a", "1"}, {"b", "2"}, {"a", "3"}});
    CHECK(parse_urlencoded("a=&b&=c&&d==e&").pairs() == pairs{{"a", ""}, {"b", ""}, {"", "c"}, {"d", "=e"}});
    CHECK(parse_urlencoded("a%20b=c+d%26&%C3%A9=%3D").pairs() == pairs{{"a b", "c d&"}, {"é", "="}});
    CHECK(parse_urlencoded("a=1;b=2").pairs() == pairs{{"a", "1;b=2"}});
}

TEST_CASE("the last value of a name is used") {
    const auto form = parse_urlencoded("a=1&a=2&b=");
    CHECK(form.find("a") == "2");
    CHECK(form.find("b") == "");
    CHECK_FALSE(form.find("c"));
    CHECK_FALSE(form.find("A"));
}

TEST_CASE("multipart forms are read") {
    const auto form =
        multipart("--XX\nContent-Disposition: form-data; name=\"a\"\n\n1\n"
                  "--XX\ncontent-type: text/plain\ncontent-disposition: form-data; filename=\"f\"; NAME=b\n\ntwo\nlines\n--XX--\n");
    REQUIRE(form);
    CHECK(form->pairs() == pairs{{"a", "1"}, {"b", "two\r\nlines"}});
}

TEST_CASE("a multipart body may have a preamble, an epilogue and a quoted boundary") {
    const auto form = multipart("before\n--a b\nContent-Disposition: form-data; name=\"x\"\n\n\n--a b--\nbehind",
                                "multipart/form-data; charset=utf-8; Boundary=\"a b\"");
    REQUIRE(form);
    CHECK(form->pairs() == pairs{{"x", ""}});
}

TEST_CASE("parts without a name are skipped") {
    const auto form = multipart("--XX\nContent-Disposition: form-data\n\n1\n--XX\nX-Other: name=\"a\"\n\n2\n--XX\n"
                                "Content-Disposition: form-data; name=\"c\n\n3\n--XX--");
    REQUIRE(form);
    CHECK(form->pairs().empty());
    CHECK(multipart("--XX--")->pairs().empty());
}

TEST_CASE("a part without headers has no name and takes no longer than other parts") {
    const auto form = multipart("--XX\n\n1\n--XX\nContent-Disposition: form-data; name=\"a\"\n\n2\n--XX--");
    REQUIRE(form);
    CHECK(form->pairs() == pairs{{"a", "2"}});
    std::string many;
    for (int i = 0; i < 20'000; ++i) many += "--XX\r\n\r\n1\r\n";
    CHECK(ctms::test::shortest_cpu_seconds([&] { CHECK(parse_multipart(type, many + "--XX--")); }) < 1);
}

TEST_CASE("multipart values become valid UTF-8") {
    const auto form = multipart("--XX\nContent-Disposition: form-data; name=\"a\"\n\n\xFF\xC3\xA9\n--XX--");
    REQUIRE(form);
    CHECK(form->find("a") == "\uFFFDé");
}

TEST_CASE("malformed multipart forms are refused") {
    for (const std::string body :
         {"", "x", "--XX", "--XX\n", "--YY--", "--XX\nContent-Disposition: form-data; name=\"a\"\n\n1",
          "--XX\nContent-Disposition: form-data; name=\"a\"\n--XX--", "--XXContent-Disposition: form-data; name=\"a\"\n\n1\n--XX--",
          "--XX\nContent-Disposition: form-data; name=\"a\"\n\n1\n--XX", "--XX\nContent-Disposition: form-data; name=\"a\"\n\n1--XX--"}) {
        CAPTURE(body);
        CHECK_FALSE(multipart(body));
    }
    for (const std::string header : {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
                                     "multipart/form-data; boundary=\"X", "multipart/form-data; other=XX"}) {
        CAPTURE(header);
        CHECK_FALSE(multipart("--XX\nContent-Disposition: form-data; name=\"a\"\n\n1\n--XX--", header));
    }
}

TEST_CASE("any multipart body is parsed or refused in reasonable time") {
    std::mt19937 random(99);
    const std::string_view pieces[] = {"--XX", "--", "\r\n", "\r\n\r\n", "Content-Disposition: form-data; name=\"a\"", "x", ":", ";", "\""};
    int read = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string body;
        for (auto length = random() % 16; length > 0; --length) body += pieces[random() % std::size(pieces)];
        if (parse_multipart(type, body)) ++read;
    }
    CHECK(read > 0);
}

namespace {

std::string repeated(std::string_view piece, std::size_t bytes) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
}

} // namespace

TEST_CASE("the time to parse a form is linear in its size") {
    using parser = void (*)(const std::string&);
    const auto in_part_header = [](const std::string& text) {
        (void)parse_multipart(type, "--XX\r\nContent-Disposition: form-data" + text + "\r\n\r\n1\r\n--XX--");
    };
    const auto in_content_type = [](const std::string& text) { (void)parse_multipart("multipart/form-data" + text, "--XX--"); };
    const auto as_body = [](const std::string& text) { (void)parse_multipart(type, text); };
    const auto long_boundary = [](const std::string& text) {
        (void)parse_multipart("multipart/form-data; boundary=" + std::string(16 * 1024, '-') + "x", text);
    };
    const auto urlencoded = [](const std::string& text) { (void)parse_form(text); };
    const auto query = [](const std::string& text) { (void)parse_urlencoded(text); };
    const auto decoding = [](const std::string& text) { (void)percent_decode(text, true); };
    const struct {
        std::string_view piece;
        parser work;
    } inputs[] = {
        {"a;", +in_part_header},
        {"; ", +in_part_header},
        {";\t", +in_part_header},
        {"=;", +in_part_header},
        {";a=\"", +in_part_header},
        {"a;", +in_content_type},
        {";=", +in_content_type},
        {"\r\n", +in_part_header},
        {"\r\n:", +in_part_header},
        {"--XX\r\n\r\n\r\n", +as_body},
        {"\r\n--X", +as_body},
        {"-", +as_body},
        {"-", +long_boundary},
        {"&", +urlencoded},
        {"a=&", +urlencoded},
        {"%", +urlencoded},
        {"&", +query},
        {"\xF0\x9F", +decoding},
        {"%FF", +decoding},
    };
    constexpr std::size_t small = 128 * 1024; // if each byte caused a scan of the rest, this would take about 50 ms
    for (const auto& input : inputs) {
        const auto& piece = input.piece; // a binding cannot be captured (clang 14)
        const auto& work = input.work;
        CAPTURE(piece);
        const auto few = repeated(piece, small);
        const auto many = repeated(piece, 8 * small);
        // Eight times the input takes eight times as long, or 64 times if the time is quadratic.
        CHECK(ctms::test::shortest_cpu_seconds([&] { work(many); }) < 24 * ctms::test::shortest_cpu_seconds([&] { work(few); }) + 0.05);
    }
}

TEST_CASE("whitespace after parameters is removed once") {
    const auto header = "multipart/form-data" + repeated("a;", 8 * 1024) + std::string(8 * 1024, ' ');
    CHECK(ctms::test::shortest_cpu_seconds([&] { (void)parse_multipart(header, "--XX--"); }) < 0.05);
}

TEST_CASE("a form has at most a thousand fields") {
    const auto fields = [](std::size_t count) { return repeated("a=1&", count * 4).substr(0, count * 4 - 1); };
    REQUIRE(parse_form(fields(most_fields)));
    CHECK(parse_form(fields(most_fields))->pairs().size() == most_fields);
    CHECK_FALSE(parse_form(fields(most_fields + 1)));
    CHECK(parse_urlencoded(fields(most_fields + 1)).pairs().size() == most_fields);
    const auto parts = [](std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out += "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
        return out + "--XX--";
    };
    CHECK(parse_multipart(type, parts(most_fields)));
    CHECK_FALSE(parse_multipart(type, parts(most_fields + 1)));
}

TEST_CASE("a boundary has at most 70 characters") {
    for (const std::size_t length : {70U, 71U}) {
        const std::string boundary(length, 'b');
        const auto form = parse_multipart("multipart/form-data; boundary=" + boundary, "--" + boundary + "--");
        CHECK(form.has_value() == (length == 70));
    }
}

TEST_CASE("a parameter is found among others") {
    for (const std::string header :
         {"form-data; name=a", "form-data;name=\"a\"", "form-data; x; name=a; y", "form-data; x=\"1\"; name = \"a\" ; filename=b",
          "form-data; =; name=a", "form-data; filename=name; name=a;"}) {
        CAPTURE(header);
        const auto form = multipart("--XX\nContent-Disposition: " + header + "\n\n1\n--XX--");
        REQUIRE(form);
        CHECK(form->find("a") == "1");
    }
    const auto quoted = multipart("--XX\nContent-Disposition: form-data; name=\"a;b=c\"\n\n1\n--XX--");
    REQUIRE(quoted);
    CHECK(quoted->find("a;b=c") == "1");
}

TEST_CASE("a media type is read without parameters and in lower case") {
    CHECK(media_type("Application/JSON; charset=utf-8") == "application/json");
    CHECK(media_type("  text/plain\t;x") == "text/plain");
    CHECK(media_type("text/plain") == "text/plain");
    CHECK(media_type("").empty());
    CHECK(media_type(" ; a=b").empty());
}
