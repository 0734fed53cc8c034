// SPDX-License-Identifier: MPL-2.0
#include "json/document.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <variant>

using namespace ctms::json;

namespace {

document parse(std::string_view text, const limits& bounds = {}) {
    auto outcome = document::parse(text, bounds);
    if (const auto* problem = std::get_if<syntax_error>(&outcome)) FAIL("not JSON: ", problem->message, " in ", text);
    return std::move(std::get<document>(outcome));
}

bool is_json(std::string_view text, const limits& bounds = {}) { return std::holds_alternative<document>(document::parse(text, bounds)); }

syntax_error problem_of(std::string_view text, const limits& bounds = {}) {
    auto outcome = document::parse(text, bounds);
    REQUIRE_MESSAGE(std::holds_alternative<syntax_error>(outcome), text);
    return std::get<syntax_error>(outcome);
}

std::string rewritten(std::string_view text) {
    const auto parsed = parse(text);
    std::string out;
    write(out, parsed.root());
    return out;
}

bool are_equal(std::string_view a, std::string_view b) {
    const auto left = parse(a);
    const auto right = parse(b);
    return equal(left.root(), right.root());
}

const char* unstorable(std::string_view text) {
    const auto parsed = parse(text);
    return find_unstorable(parsed.root());
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string list_of(std::size_t items) {
    std::string out = "[0";
    for (std::size_t i = 1; i < items; ++i) out += ",0";
    return out + "]";
}

} // namespace

TEST_CASE("a document keeps numbers as they are written") {
    for (const std::string number :
         {"0", "-0", "-0.0", "1.0", "1e+100", "1E5", "12345678901234567890123456789", "0.1", "1e400", "-1.50e-7"}) {
        CAPTURE(number);
        const auto parsed = parse("[" + number + "]");
        REQUIRE(parsed.root().size == 1);
        CHECK(parsed.root().first->type == kind::number);
        CHECK(parsed.root().first->text == number);
        CHECK(rewritten("[" + number + "]") == "[" + number + "]");
    }
}

TEST_CASE("a document holds every type of value") {
    const auto parsed = parse(R"({"a":null,"b":true,"c":false,"d":"x","e":[1,2],"f":{},"g":7})");
    const auto& root = parsed.root();
    REQUIRE(root.type == kind::object);
    CHECK(root.size == 7);
    CHECK(root.member("a")->type == kind::null);
    CHECK(root.member("b")->truth);
    CHECK(root.member("c")->type == kind::boolean);
    CHECK_FALSE(root.member("c")->truth);
    CHECK(root.member("d")->text == "x");
    CHECK(root.member("e")->size == 2);
    CHECK(root.member("f")->type == kind::object);
    CHECK(root.member("f")->size == 0);
    CHECK(root.member("g")->text == "7");
    CHECK(root.member("h") == nullptr);
}

TEST_CASE("a document can be a value that is neither a list nor an object") {
    for (const std::string text : {"null", "true", "false", "\"x\"", "5", "-1.5"}) CHECK(rewritten(text) == text);
    CHECK(rewritten(" \t\r\n [ 1 , 2 ] \n") == "[1,2]");
}

TEST_CASE("keys keep their order, and a repeated key has its first position and its last value") {
    CHECK(rewritten(R"({ "z" : 1, "a" : 2, "m" : 3 })") == R"({"z":1,"a":2,"m":3})");
    CHECK(rewritten(R"({"a":1,"b":2,"a":3})") == R"({"a":3,"b":2})");
    const auto parsed = parse(R"({"a":1,"b":2,"a":{"x":5}})");
    CHECK(parsed.root().member("a")->type == kind::object);
    CHECK(parsed.root().member("a")->member("x")->text == "5");
}

TEST_CASE("escapes are decoded and only required escapes are written") {
    const auto parsed = parse(R"(["\u0041\u00e9\ud83d\ude00\n\t\"\\\/\b\f\r"])");
    CHECK(parsed.root().first->text == "Aé😀\n\t\"\\/\b\f\r");
    CHECK(rewritten(R"(["\u00e9\ud83d\ude00\/<&>"])") == R"(["é😀/<&>"])");
    CHECK(rewritten(R"(["\u001f\u007f"])") == "[\"\\u001f\x7f\"]");
    CHECK(rewritten(R"({"k\u0065y":1})") == R"({"key":1})");
}

TEST_CASE("NaN and infinities are read as Python reads them and are written as null") {
    const auto parsed = parse("[NaN, Infinity, -Infinity]");
    const auto* item = parsed.root().first;
    CHECK(item->type == kind::non_finite);
    CHECK(item->text == "NaN");
    item = item->next;
    CHECK(item->text == "Infinity");
    CHECK_FALSE(item->negative);
    item = item->next;
    CHECK(item->text == "Infinity");
    CHECK(item->negative);
    CHECK(rewritten("[NaN,Infinity,-Infinity]") == "[null,null,null]");
    CHECK(rewritten(R"(["NaN","a Infinity \" NaN",1])") == R"(["NaN","a Infinity \" NaN",1])");
    for (const std::string wrong : {"nan", "-NaN", "Inf", "+Infinity", "NaNx", "[Infinity1]"}) {
        CAPTURE(wrong);
        CHECK_FALSE(is_json(wrong));
    }
}

TEST_CASE("a string with a NUL character is never mistaken for a number") {
    for (const std::string word : {"NaN", "Infinity", "-Infinity"}) {
        CAPTURE(word);
        const auto parsed = parse("[\"\\u0000" + word + "\"]");
        CHECK(parsed.root().first->type == kind::string);
        CHECK(parsed.root().first->text == std::string(1, '\0') + word);
    }
}

TEST_CASE("one byte order mark is skipped") {
    CHECK(rewritten("\xEF\xBB\xBF{\"a\":1}") == R"({"a":1})");
    CHECK_FALSE(is_json("\xEF\xBB\xBF\xEF\xBB\xBF{}"));
    CHECK_FALSE(is_json("{\xEF\xBB\xBF}"));
}

TEST_CASE("nesting depth is limited to 32") {
    CHECK(is_json(nested(32)));
    CHECK(problem_of(nested(33)).message == "nested too deeply");
    CHECK(problem_of(nested(100'000)).message == "nested too deeply");
    std::string objects;
    for (int i = 0; i < 33; ++i) objects += R"({"a":)";
    CHECK(problem_of(objects + "1").message == "nested too deeply");
    CHECK(is_json(nested(3), {.depth = 3}));
    CHECK_FALSE(is_json(nested(4), {.depth = 3}));
}

TEST_CASE("the length of lists and objects is limited to 10000") {
    CHECK(is_json(list_of(10'000)));
    CHECK(problem_of(list_of(10'001)).message == "a list has too many items");
    std::string object = "{\"k0\":0";
    for (int i = 1; i <= 10'000; ++i) object += ",\"k" + std::to_string(i) + "\":0";
    CHECK(problem_of(object + "}").message == "an object has too many members");
}

TEST_CASE("a syntax error gives its position in characters") {
    const auto first = problem_of("{\"é\": 1,\n  \"b\": x}");
    CHECK(first.position == 16);
    CHECK(first.line == 2);
    CHECK(first.column == 8);
    CHECK_FALSE(first.message.empty());
    const auto empty = problem_of("");
    CHECK(empty.position == 0);
    CHECK(empty.line == 1);
    CHECK(empty.column == 1);
    const auto extra = problem_of("{} x");
    CHECK(extra.position == 3);
    CHECK(extra.column == 4);
}

TEST_CASE("NaN before an error does not move its position") {
    const auto with_nan = problem_of("[NaN,x]");
    CHECK(with_nan.position == 5);
    CHECK(with_nan.column == 6);
}

TEST_CASE("text that is not JSON is refused") {
    for (const std::string text :
         {"{",  "[",    "[1",    "[1,",  "[1,]", "{,}",     "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",     "{'a':1}",
          "\"", "\"a",  "tru",   "nul",  "01",   "+1",      "1.",      ".5",       "1e",         "1e+",       "--1",
          "-",  "0x10", "1_000", "[1]]", "{}{}", "// x\n1", "[1/**/]", "\v1",      "[1\f]",      "\xC2\xA0[]"}) {
        CAPTURE(text);
        CHECK_FALSE(is_json(text));
    }
}

TEST_CASE("invalid escapes and control characters in strings are refused") {
    for (const std::string text :
         {R"("\x41")", R"("\u12")", R"("\u12g4")", R"("\U00000041")", R"("\'")", R"("\)", "\"a\nb\"", "\"a\tb\""}) {
        CAPTURE(text);
        CHECK_FALSE(is_json(text));
    }
    CHECK_FALSE(is_json(std::string_view("\"a\0b\"", 5)));
}

TEST_CASE("lone surrogates are refused") {
    for (const std::string text :
         {R"("\ud800")", R"("\udc00")", R"("\ud83dx")", R"("\ud83d\u0041")", R"("\ude00\ud83d")", R"({"\ud800":1})", R"(["\udfff"])"}) {
        CAPTURE(text);
        CHECK_FALSE(is_json(text));
    }
    CHECK(is_json(R"("\ud83d\ude00")"));
}

TEST_CASE("any sequence of bytes is parsed or refused") {
    std::mt19937 random(20240101);
    const std::string_view alphabet = "{}[]\",:\\u0123456789aeEfnrtl.+- \nNIy\xC3\xA9";
    std::size_t accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (auto length = random() % 24; length > 0; --length) text += alphabet[random() % alphabet.size()];
        auto outcome = document::parse(text, limits{});
        const auto* parsed = std::get_if<document>(&outcome);
        if (parsed == nullptr) continue;
        ++accepted;
        std::string once;
        write(once, parsed->root());
        CHECK(rewritten(once) == once);
    }
    CHECK(accepted > 0);
}

TEST_CASE("every prefix of a document is refused and every damaged copy is handled") {
    const std::string text = R"({"a":[1,-2.5e3,"é\u00e9\"",true,null],"b":{"c":{}}})";
    REQUIRE(is_json(text));
    for (std::size_t length = 0; length < text.size(); ++length) CHECK_FALSE(is_json(text.substr(0, length)));
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto damaged = text;
        damaged.erase(at, 1);
        const auto outcome = document::parse(damaged, limits{});
        if (const auto* problem = std::get_if<syntax_error>(&outcome)) CHECK(problem->position <= damaged.size());
    }
}

TEST_CASE("objects are equal in any order, and numbers are compared by value") {
    CHECK(are_equal(R"({"a":1,"b":[2]})", R"({"b":[2],"a":1})"));
    CHECK(are_equal("1", "1.0"));
    CHECK(are_equal("100", "1e2"));
    CHECK(are_equal("0", "-0"));
    CHECK(are_equal("0", "-0.0"));
    CHECK(are_equal(R"({"a":1,"a":2})", R"({"a":2})"));
    CHECK(are_equal(R"("\u0041")", R"("A")"));
    CHECK(are_equal("[NaN]", "[NaN]"));
    CHECK_FALSE(are_equal("[1,2]", "[2,1]"));
    CHECK_FALSE(are_equal("[1]", "[1,1]"));
    CHECK_FALSE(are_equal(R"({"a":1})", R"({"a":1,"b":1})"));
    CHECK_FALSE(are_equal(R"({"a":1})", R"({"b":1})"));
    CHECK_FALSE(are_equal("1", "\"1\""));
    CHECK_FALSE(are_equal("true", "false"));
    CHECK_FALSE(are_equal("null", "false"));
    CHECK_FALSE(are_equal("Infinity", "-Infinity"));
    CHECK_FALSE(are_equal("9007199254740993", "9007199254740992"));
}

TEST_CASE("JSON that a database cannot store is detected") {
    CHECK(unstorable(R"({"a":[1,"x",null]})") == nullptr);
    CHECK(std::string(unstorable(R"({"a":["\u0000"]})")) == "NUL characters are not allowed");
    CHECK(std::string(unstorable(R"({"a\u0000b":1})")) == "NUL characters are not allowed");
    CHECK(std::string(unstorable(R"({"a":[{"b":NaN}]})")) == "NaN and Infinity are not allowed");
    CHECK(std::string(unstorable("-Infinity")) == "NaN and Infinity are not allowed");
}
