// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/json_text.hpp>
#include <ctms/base/result.hpp>
#include <ctms/base/time.hpp>
#include <ctms/base/utf8.hpp>
#include <ctms/base/uuid.hpp>
#include <ctms/base/version.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>

using namespace std::literals;

namespace {

constexpr auto canonical = "332de237-cab7-4461-bcc3-48e68f42bd5c";

std::string json_string(std::string_view text) {
    std::string out;
    ctms::append_json_string(out, text);
    return out;
}

std::string seconds_text(double seconds) {
    std::string out;
    ctms::object_writer object(out);
    object.add_seconds("s", seconds);
    object.close();
    return out;
}

ctms::timestamp at(std::int64_t microseconds) { return ctms::timestamp(std::chrono::microseconds(microseconds)); }

} // namespace

TEST_SUITE("base") {
    TEST_CASE("every spelling of a UUID gives the same UUID") {
        for (const auto* text :
             {"332de237-cab7-4461-bcc3-48e68f42bd5c", "332DE237CAB74461BCC348E68F42BD5C", "{332de237-cab7-4461-bcc3-48e68f42bd5c}",
              "urn:uuid:332de237-cab7-4461-bcc3-48e68f42bd5c", "uuid:332de237-cab7-4461-bcc3-48e68f42bd5c",
              "{{urn:332de237cab7-4461-bcc348e68f42bd5c-}", "332de237-uurn:uid:cab7-4461-bcc3-48e68f42bd5c"}) {
            CAPTURE(text);
            const auto id = ctms::uuid::parse(text);
            REQUIRE(id);
            CHECK(id->to_string() == canonical);
        }
    }

    TEST_CASE("bytes that are not UTF-8 are replaced") {
        CHECK(ctms::valid_utf8("a\xFF\xC3\xA4\xE2\x82") == "a\uFFFD\u00E4\uFFFD\uFFFD");
        CHECK(ctms::valid_utf8("").empty());
    }

    TEST_CASE("a UUID is a key of hash tables and can be printed") {
        const auto id = ctms::uuid::parse(canonical).value();
        std::unordered_map<ctms::uuid, int> numbers{{id, 1}, {ctms::uuid(), 2}};
        CHECK(numbers.at(id) == 1);
        CHECK(numbers.at({}) == 2);
        std::set<std::size_t> hashes;
        for (int i = 0; i < 1'000; ++i) hashes.insert(std::hash<ctms::uuid>()(ctms::uuid::random()));
        CHECK(hashes.size() > 990);
        std::ostringstream out;
        out << id;
        CHECK(out.str() == canonical);
    }

    TEST_CASE("text that is not a UUID is refused") {
        for (const auto* text : {"", "{}", "urn:uuid:", "332de237-cab7-4461-bcc3-48e68f42bd5", "332de237-cab7-4461-bcc3-48e68f42bd5c0",
                                 "332de237-cab7-4461-bcc3-48e68f42bd5g", " 332de237-cab7-4461-bcc3-48e68f42bd5c",
                                 "URN:UUID:332de237-cab7-4461-bcc3-48e68f42bd5c", "uuuid:uid:332de237cab74461bcc348e68f42bd5c",
                                 "332de237{cab74461bcc348e68f42bd5c"}) {
            CAPTURE(text);
            CHECK_FALSE(ctms::uuid::parse(text));
        }
    }

    TEST_CASE("a very long text is refused in linear time") {
        std::string text;
        while (text.size() < 2'000'000) text += "urn:uuid:";
        CHECK_FALSE(ctms::uuid::parse(text));
        CHECK_FALSE(ctms::uuid::parse(std::string(2'000'000, '-')));
    }

    TEST_CASE("random UUIDs have version 4 and differ") {
        std::set<ctms::uuid> seen;
        for (int i = 0; i < 1000; ++i) {
            const auto id = ctms::uuid::random();
            CHECK(id.version() == 4);
            CHECK(ctms::uuid::parse(id.to_string()) == id);
            seen.insert(id);
        }
        CHECK(seen.size() == 1000);
    }

    TEST_CASE("the version is known only for the variant of RFC 9562") {
        CHECK(ctms::uuid::parse("00000000-0000-1000-8000-000000000000")->version() == 1);
        CHECK(ctms::uuid::parse("00000000-0000-4000-b000-000000000000")->version() == 4);
        CHECK(ctms::uuid::parse("00000000-0000-4000-0000-000000000000")->version() == 0);
        CHECK(ctms::uuid::parse("00000000-0000-4000-c000-000000000000")->version() == 0);
    }

    TEST_CASE("the nil UUID is the default") {
        CHECK(ctms::uuid().is_nil());
        CHECK(ctms::uuid().to_string() == "00000000-0000-0000-0000-000000000000");
        CHECK_FALSE(ctms::uuid::random().is_nil());
    }

    TEST_CASE("UUIDs are ordered by their bytes") {
        CHECK(ctms::uuid::parse("00000000-0000-4000-8000-000000000001") < ctms::uuid::parse("ff000000-0000-4000-8000-000000000000"));
    }

    TEST_CASE("a timestamp is written as Python's isoformat writes it") {
        CHECK(ctms::to_iso(at(1611869217511000)) == "2021-01-28T21:26:57.511000+00:00");
        CHECK(ctms::to_iso(at(1611869217000000)) == "2021-01-28T21:26:57+00:00");
        CHECK(ctms::to_iso(at(1)) == "1970-01-01T00:00:00.000001+00:00");
        CHECK(ctms::to_iso(at(-1)) == "1969-12-31T23:59:59.999999+00:00");
        CHECK(ctms::to_iso(at(-62135596800000000)) == "0001-01-01T00:00:00+00:00");
    }

    TEST_CASE("a date is written with four, two and two digits") {
        using namespace std::chrono;
        CHECK(ctms::to_iso(ctms::date(year(2021), month(1), day(8))) == "2021-01-08");
        CHECK(ctms::to_iso(ctms::date(year(33), month(12), day(31))) == "0033-12-31");
    }

    TEST_CASE("dates that exist are accepted") {
        CHECK(ctms::to_iso(ctms::parse_date("2021-1-8").value()) == "2021-01-08");
        CHECK(ctms::to_iso(ctms::parse_date("2020-02-29").value()) == "2020-02-29");
        CHECK(ctms::to_iso(ctms::parse_date("0001-01-01").value()) == "0001-01-01");
        CHECK(ctms::to_iso(ctms::parse_date("9999-12-31").value()) == "9999-12-31");
    }

    TEST_CASE("dates that do not exist are refused") {
        for (const auto* text : {"", "2021-02-29", "0000-01-01", "2021-13-01", "2021-00-10", "2021-01-00", "21-01-01", "2021-001-01",
                                 "2021-01-001", "2021-01-01T00:00", "2021/01/01", " 2021-01-01", "-2021-01-01", "2021-1", "+021-01-01"}) {
            CAPTURE(text);
            CHECK_FALSE(ctms::parse_date(text));
        }
    }

    TEST_CASE("valid UTF-8 is distinguished from invalid UTF-8") {
        for (const auto text : {""sv, "plain ascii text"sv, "zw\u00f6lf B\u00e4ume"sv, "\u20ac \U0001F98A"sv, "\U0010FFFF"sv, "\0"sv}) {
            CHECK(ctms::is_valid_utf8(text));
        }
        for (const auto text :
             {"\x80"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE0\x80\x80"sv, "\xED\xA0\x80"sv, "\xF0\x80\x80\x80"sv, "\xF4\x90\x80\x80"sv,
              "\xF5\x80\x80\x80"sv, "\xFF"sv, "eight or more \xE2\x82"sv, "\xE2\x82 "sv, "\xC3"sv}) {
            CHECK_FALSE(ctms::is_valid_utf8(text));
        }
    }

    TEST_CASE("the length of a string is counted in characters") {
        CHECK(ctms::utf8_length("") == 0);
        CHECK(ctms::utf8_length("abc") == 3);
        CHECK(ctms::utf8_length("\u00e4\u20ac\U0001F98A") == 3);
    }

    TEST_CASE("code points can be written and read back") {
        for (const char32_t c : {U'\0', U'a', U'\x7F', U'\x80', U'\u07FF', U'\u0800', U'\uFFFF', U'\U00010000', U'\U0010FFFF'}) {
            std::string text;
            ctms::append_utf8(text, c);
            std::size_t where = 0;
            CHECK(ctms::next_code_point(text, where) == c);
            CHECK(where == text.size());
        }
    }

    TEST_CASE("a value that is not a character is written as U+FFFD") {
        std::string text;
        ctms::append_utf8(text, 0xD800);
        ctms::append_utf8(text, 0x110000);
        CHECK(text == "\uFFFD\uFFFD");
    }

    TEST_CASE("reading stays inside a truncated string") {
        std::size_t where = 0;
        CHECK(ctms::next_code_point("\xE2\x82"sv, where) == U'\uFFFD');
        CHECK(where == 1);
    }

    TEST_CASE("lower case and comparison apply to ASCII only") {
        CHECK(ctms::ascii_lower("ABC-xyz \u00c4") == "abc-xyz \u00c4");
        CHECK(ctms::ascii_iequal("Host", "hOST"));
        CHECK_FALSE(ctms::ascii_iequal("Host", "Hos"));
        CHECK_FALSE(ctms::ascii_iequal("\u00c4", "\u00e4"));
        CHECK_FALSE(ctms::ascii_iequal("@", "`"));
    }

    TEST_CASE("JSON strings escape only the characters that must be escaped") {
        CHECK(json_string("") == R"("")");
        CHECK(json_string("a\"b\\c/d") == R"("a\"b\\c/d")");
        CHECK(json_string("\b\f\n\r\t") == R"("\b\f\n\r\t")");
        CHECK(json_string("\0\x01\x1F"sv) == R"("\u0000\u0001\u001f")");
        CHECK(json_string("\x7F \u2028 \u20ac <&>") == "\"\x7F \u2028 \u20ac <&>\"");
    }

    TEST_CASE("an object is written member by member") {
        std::string out = "x";
        ctms::object_writer object(out);
        object.add("text", "a\"b");
        object.add("yes", true);
        object.add("int", -5);
        object.add("big", std::numeric_limits<std::int64_t>::min());
        object.add_null("none");
        object.add_raw("raw", "[1]");
        object.key("own") += "{}";
        object.close();
        CHECK(out == R"(x{"text":"a\"b","yes":true,"int":-5,"big":-9223372036854775808,"none":null,"raw":[1],"own":{}})");
    }

    TEST_CASE("an object without members is a pair of braces") {
        std::string out;
        ctms::object_writer(out).close();
        CHECK(out == "{}");
    }

    TEST_CASE("durations have one to three decimal places") {
        CHECK(seconds_text(0.0) == R"({"s":0.0})");
        CHECK(seconds_text(0.0629) == R"({"s":0.063})");
        CHECK(seconds_text(2.5) == R"({"s":2.5})");
        CHECK(seconds_text(100.0) == R"({"s":100.0})");
        CHECK(seconds_text(-0.0001) == R"({"s":0.0})");
        CHECK(seconds_text(std::numeric_limits<double>::quiet_NaN()) == R"({"s":null})");
    }

    TEST_CASE("an unexpected failure becomes an exception with the message and the detail") {
        const ctms::result<int> failed = ctms::error{ctms::errc::unavailable, "try later", "no route to host", {}, {}};
        CHECK_THROWS_WITH_AS(failed.value(), "unavailable: try later (no route to host)", std::runtime_error);
    }

    TEST_CASE("every error code has its own name") {
        using ctms::errc;
        std::set<std::string_view> names;
        for (const auto code :
             {errc::malformed, errc::invalid, errc::unauthorized, errc::forbidden, errc::missing_role, errc::not_found, errc::conflict,
              errc::too_many, errc::unavailable, errc::outcome_unknown, errc::misconfigured, errc::interrupted}) {
            names.insert(ctms::to_string(code));
        }
        CHECK(names.size() == 12);
        CHECK(names.count("unknown") == 0);
    }

    TEST_CASE("the build knows its version and commit") {
        CHECK(std::count(ctms::version().begin(), ctms::version().end(), '.') == 2);
        CHECK((ctms::commit().empty() || ctms::commit().size() == 40));
    }
}
