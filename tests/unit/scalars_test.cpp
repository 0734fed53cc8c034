// SPDX-License-Identifier: MPL-2.0
#include "json/scalars.hpp"

#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

using namespace ctms::json;

namespace {

/// Reads one value of a list and keeps the errors as the API writes them, or "" without errors.
template <class Read>
auto read_one(std::string_view value, std::string& problem, Read read) {
    auto outcome = document::parse("[" + std::string(value) + "]", limits{});
    REQUIRE_MESSAGE(std::holds_alternative<document>(outcome), value);
    error_list errors("body");
    auto result = read(*std::get<document>(outcome).root().first, errors);
    problem.clear();
    if (!errors.empty()) write_error(problem, std::move(errors).take());
    CHECK(result.has_value() == problem.empty());
    return result;
}

std::string errors(std::string_view items) { return "{\"detail\":[" + std::string(items) + "]}"; }

struct text_reader {
    ctms::fields::rules rule{};
    std::string problem{};
    std::optional<std::string> operator()(std::string_view value) {
        return read_one(value, problem, [&](const node& one, error_list& list) { return read_text(one, rule, list); });
    }
};

std::optional<bool> truth_of(std::string_view value) {
    std::string problem;
    const auto out = read_one(value, problem, read_bool);
    if (!out) CHECK(problem == errors(R"({"loc":["body"],"msg":"value could not be parsed to a boolean","type":"type_error.bool"})"));
    return out;
}

std::string day_of(std::string_view value) {
    std::string problem;
    const auto out = read_one(value, problem, read_date);
    return out ? ctms::to_iso(*out) : problem;
}

std::string id_of(std::string_view value) {
    std::string problem;
    const auto out = read_one(value, problem, read_uuid4);
    return out ? out->to_string() : problem;
}

std::string object_of(std::string_view value) {
    std::string problem;
    const auto out = read_one(value, problem, read_object);
    return out ? *out : problem;
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string out;
    for (; times > 0; --times) out += text;
    return out;
}

const std::string bad_date = errors(R"({"loc":["body"],"msg":"invalid date format","type":"value_error.date"})");
const std::string bad_uuid = errors(R"({"loc":["body"],"msg":"value is not a valid uuid","type":"type_error.uuid"})");
const std::string bad_dict = errors(R"({"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"})");

} // namespace

TEST_CASE("a string field accepts strings, numbers and booleans") {
    text_reader read;
    CHECK(read(R"("x")") == "x");
    CHECK(read(R"("")") == "");
    CHECK(read(R"(" a b ")") == " a b ");
    CHECK(read("true") == "True");
    CHECK(read("false") == "False");
    CHECK(read("5") == "5");
    CHECK(read("-0") == "0");
    CHECK(read("-0.0") == "-0.0");
    CHECK(read("1.50") == "1.5");
    CHECK(read("1e100") == "1e+100");
    CHECK(read("18446744073709551615") == "18446744073709551615");
    CHECK(read("0e-400") == "0.0");
    CHECK(read("-0.0e400") == "-0.0");
    CHECK(read("5e-324") == "5e-324");
    CHECK(read("-9223372036854775808") == "-9223372036854775808");
}

TEST_CASE("a string field refuses lists, objects and null") {
    text_reader read;
    for (const std::string value : {"[]", "{}", "[\"x\"]", "null"}) {
        CAPTURE(value);
        CHECK_FALSE(read(value));
        CHECK(read.problem == errors(R"({"loc":["body"],"msg":"str type expected","type":"type_error.str"})"));
    }
}

TEST_CASE("numbers beyond 64 bits are refused for a string field") {
    text_reader read;
    for (const std::string value :
         {"18446744073709551616", "-9223372036854775809", "1e400", "-1e400", "1e-400", "-2.5e-400", "123456789012345678901234567890"}) {
        CAPTURE(value);
        CHECK_FALSE(read(value));
        CHECK(read.problem ==
              errors(R"({"loc":["body"],"msg":"ensure this number fits in 64 bits","type":"value_error.number.not_64_bit"})"));
    }
}

TEST_CASE("NUL characters are refused") {
    text_reader read;
    for (const std::string value : {R"("\u0000")", R"("a\u0000b")"}) {
        CAPTURE(value);
        CHECK_FALSE(read(value));
        CHECK(read.problem == errors(R"({"loc":["body"],"msg":"NUL characters are not allowed","type":"value_error.any_str.nul"})"));
    }
}

TEST_CASE("lengths are counted in characters, not bytes") {
    text_reader read{.rule = {.max = 5, .min = 2}};
    CHECK(read(R"("ééééé")") == "ééééé");
    CHECK(read(R"("😀😀😀😀😀")") == "😀😀😀😀😀");
    CHECK(read(R"("ab")") == "ab");
    CHECK_FALSE(read(R"("éééééé")"));
    CHECK(read.problem ==
          errors(R"({"loc":["body"],"msg":"ensure this value has at most 5 characters","type":"value_error.any_str.max_length",)"
                 R"("ctx":{"limit_value":5}})"));
    CHECK_FALSE(read(R"("é")"));
    CHECK(read.problem ==
          errors(R"({"loc":["body"],"msg":"ensure this value has at least 2 characters","type":"value_error.any_str.min_length",)"
                 R"("ctx":{"limit_value":2}})"));
    CHECK_FALSE(read("123456"));
    CHECK(read("12345") == "12345");
    text_reader unlimited;
    CHECK(unlimited("\"" + repeated("é", 70'000) + "\"")->size() == 140'000);
}

TEST_CASE("a choice must be exactly one of its words") {
    static constexpr std::array<std::string_view, 3> words{"H", "T", ""};
    text_reader read{.rule = {.as = ctms::fields::format::choice, .choices = words}};
    CHECK(read(R"("H")") == "H");
    CHECK(read(R"("")") == "");
    const auto refused = [&](std::string_view value, const std::string& given) {
        CAPTURE(value);
        CHECK_FALSE(read(value));
        CHECK(read.problem ==
              errors(R"({"loc":["body"],"msg":"unexpected value; permitted: 'H', 'T', ''","type":"value_error.const","ctx":{"given":)" +
                     given + R"(,"permitted":["H","T",""]}})"));
    };
    refused(R"("h")", R"("h")");
    refused(R"(" H")", R"(" H")");
    refused("5", "5");
    refused("1.50", "1.5");
    refused("true", "true");
    refused("null", "null");
    refused("NaN", "null");
    CHECK_FALSE(read("[]"));
    CHECK(read.problem == errors(R"({"loc":["body"],"msg":"unhashable type: 'list'","type":"type_error"})"));
    CHECK_FALSE(read("{}"));
    CHECK(read.problem == errors(R"({"loc":["body"],"msg":"unhashable type: 'dict'","type":"type_error"})"));
}

TEST_CASE("a string that must be a UUID is returned in canonical form") {
    text_reader read{.rule = {.as = ctms::fields::format::uuid}};
    const std::string id = "c4a7d759-bb52-457b-896b-90f1d3ef8433";
    for (const std::string spelling :
         {R"("c4a7d759-bb52-457b-896b-90f1d3ef8433")", R"("C4A7D759BB52457B896B90F1D3EF8433")",
          R"("{c4a7d759-bb52-457b-896b-90f1d3ef8433}")", R"("urn:uuid:c4a7d759-bb52-457b-896b-90f1d3ef8433")"}) {
        CAPTURE(spelling);
        CHECK(read(spelling) == id);
    }
    CHECK(read(R"("00000000-0000-1000-8000-000000000000")") == "00000000-0000-1000-8000-000000000000");
    for (const std::string wrong : {R"("")", R"("x")", R"("c4a7d759-bb52-457b-896b-90f1d3ef843")", "5", "true", "[]", "{}"}) {
        CAPTURE(wrong);
        CHECK_FALSE(read(wrong));
        CHECK(read.problem == bad_uuid);
    }
}

TEST_CASE("a string that must be a URL is checked") {
    text_reader read{.rule = {.as = ctms::fields::format::url}};
    CHECK(read(R"(" https://example.com/a?b#c ")") == "https://example.com/a?b#c");
    CHECK_FALSE(read(R"("example.com")"));
    CHECK(read.problem == errors(R"({"loc":["body"],"msg":"invalid or missing URL scheme","type":"value_error.url.scheme"})"));
    CHECK_FALSE(read(R"("https://example.com/a b")"));
    CHECK(read.problem ==
          errors(R"({"loc":["body"],"msg":"URL invalid, extra characters found after valid URL: ' b'","type":"value_error.url.extra",)"
                 R"("ctx":{"extra":" b"}})"));
}

TEST_CASE("booleans may be written as pydantic allows") {
    for (const std::string yes :
         {"true", "1", "1.0", "1e0", R"("1")", R"("on")", R"("ON")", R"("yes")", R"("Y")", R"("t")", R"("True")", R"("TRUE")"}) {
        CAPTURE(yes);
        CHECK(truth_of(yes) == true);
    }
    for (const std::string no :
         {"false", "0", "0.0", "-0", R"("0")", R"("off")", R"("Off")", R"("no")", R"("N")", R"("f")", R"("False")"}) {
        CAPTURE(no);
        CHECK(truth_of(no) == false);
    }
    for (const std::string neither : {"2", "-1", "0.5", "1e400", R"("")", R"(" true")", R"("2")", R"("oui")", R"("enabled")", R"("1.0")",
                                      "null", "[]", "{}", "NaN", "Infinity"}) {
        CAPTURE(neither);
        CHECK_FALSE(truth_of(neither).has_value());
    }
}

TEST_CASE("dates are accepted as text or as Unix time") {
    CHECK(day_of(R"("2020-02-29")") == "2020-02-29");
    CHECK(day_of(R"("2020-2-9")") == "2020-02-09");
    CHECK(day_of("0") == "1970-01-01");
    CHECK(day_of("true") == "1970-01-01");
    CHECK(day_of("-1") == "1969-12-31");
    CHECK(day_of("1600000000") == "2020-09-13");
    CHECK(day_of("1600000000.9") == "2020-09-13");
    CHECK(day_of(R"("1600000000")") == "2020-09-13");
    CHECK(day_of(R"(" 1600000000 ")") == "2020-09-13");
    CHECK(day_of("1600000000000") == "2020-09-13");
    CHECK(day_of("20000000000") == "2603-10-11");
    CHECK(day_of("20000000001") == "1970-08-20");
    CHECK(day_of("Infinity") == "9999-12-31");
    CHECK(day_of("-Infinity") == "0001-01-01");
}

TEST_CASE("text that is not a date is refused") {
    for (const std::string wrong :
         {R"("")", R"("x")", R"("2021-02-29")", R"("2020-13-01")", R"("2020-00-01")", R"("0000-01-01")", R"("2020-01-01T00:00:00")",
          R"("2020-01-01 ")", R"("20-01-01")", R"("2020/01/01")", "NaN", R"("nan")"}) {
        CAPTURE(wrong);
        CHECK(day_of(wrong) == bad_date);
    }
    for (const std::string wrong : {"null", "[]", "{}"}) {
        CAPTURE(wrong);
        CHECK(day_of(wrong) ==
              errors(R"({"loc":["body"],"msg":"invalid type; expected date, string, bytes, int or float","type":"type_error"})"));
    }
}

TEST_CASE("a contact id must be a UUID of version 4") {
    CHECK(id_of(R"("332DE237-CAB7-4461-BCC3-48E68F42BD5C")") == "332de237-cab7-4461-bcc3-48e68f42bd5c");
    CHECK(id_of(R"("332de237cab74461bcc348e68f42bd5c")") == "332de237-cab7-4461-bcc3-48e68f42bd5c");
    const auto wrong_version =
        errors(R"({"loc":["body"],"msg":"uuid version 4 expected","type":"value_error.uuid.version","ctx":{"required_version":4}})");
    CHECK(id_of(R"("332de237-cab7-1461-bcc3-48e68f42bd5c")") == wrong_version);
    CHECK(id_of(R"("00000000-0000-0000-0000-000000000000")") == wrong_version);
    CHECK(id_of(R"("x")") == bad_uuid);
    CHECK(id_of("4") == bad_uuid);
}

TEST_CASE("an object is stored as compact JSON") {
    CHECK(object_of("{}") == "{}");
    CHECK(object_of(R"({ "b" : 1e+100, "a" : [ -0.0, 12345678901234567890123 ] })") ==
          R"({"b":1e+100,"a":[-0.0,12345678901234567890123]})");
    CHECK(object_of(R"([["a",1],["b",[2]]])") == R"({"a":1,"b":[2]})");
    CHECK(object_of("[]") == "{}");
    for (const std::string wrong : {"5", "true", R"("x")", "[1]", R"([["a"]])", R"([["a",1,2]])", "[[1,2]]", "null"}) {
        CAPTURE(wrong);
        CHECK(object_of(wrong) == bad_dict);
    }
    CHECK(object_of(R"({"a":"\u0000"})") == errors(R"({"loc":["body"],"msg":"NUL characters are not allowed","type":"value_error.json"})"));
    CHECK(object_of(R"({"a":NaN})") == errors(R"({"loc":["body"],"msg":"NaN and Infinity are not allowed","type":"value_error.json"})"));
}
