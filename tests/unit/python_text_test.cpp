// SPDX-License-Identifier: MPL-2.0
// The expected strings are those of CPython 3.11 and pydantic 1.10.
#include "json/python_text.hpp"

#include <ctms/base/printable.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>

using namespace std::chrono;
using namespace std::string_view_literals;
using namespace ctms::json;
using ctms::python_string_repr;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::string day_of(double seconds) {
    const auto outcome = python_date_from_unix(seconds);
    const auto* day = std::get_if<ctms::date>(&outcome);
    return day != nullptr ? ctms::to_iso(*day) : "no day";
}

double float_of(std::string_view text) { return python_float(text).value(); }

} // namespace

TEST_CASE("a float is printed in fixed notation if its exponent is from -4 to 15") {
    CHECK(python_float_repr(0.0) == "0.0");
    CHECK(python_float_repr(-0.0) == "-0.0");
    CHECK(python_float_repr(1.0) == "1.0");
    CHECK(python_float_repr(100.0) == "100.0");
    CHECK(python_float_repr(-2.5) == "-2.5");
    CHECK(python_float_repr(0.1) == "0.1");
    CHECK(python_float_repr(1.0 / 3) == "0.3333333333333333");
    CHECK(python_float_repr(0.0001) == "0.0001");
    CHECK(python_float_repr(0.00012345) == "0.00012345");
    CHECK(python_float_repr(1e15) == "1000000000000000.0");
    CHECK(python_float_repr(9999999999999998.0) == "9999999999999998.0");
    CHECK(python_float_repr(123456789.125) == "123456789.125");
}

TEST_CASE("other floats are printed with an exponent of at least two digits") {
    CHECK(python_float_repr(1e-5) == "1e-05");
    CHECK(python_float_repr(1.25e-7) == "1.25e-07");
    CHECK(python_float_repr(1e16) == "1e+16");
    CHECK(python_float_repr(1.5e16) == "1.5e+16");
    CHECK(python_float_repr(-1e30) == "-1e+30");
    CHECK(python_float_repr(1e22) == "1e+22");
    CHECK(python_float_repr(1e23) == "1e+23");
    CHECK(python_float_repr(5e-324) == "5e-324");
    CHECK(python_float_repr(1.7976931348623157e308) == "1.7976931348623157e+308");
}

TEST_CASE("infinity and nan are printed as words") {
    CHECK(python_float_repr(infinity) == "inf");
    CHECK(python_float_repr(-infinity) == "-inf");
    CHECK(python_float_repr(std::nan("")) == "nan");
}

TEST_CASE("an integer token is printed unchanged except for minus zero") {
    CHECK(python_number_text("0") == "0");
    CHECK(python_number_text("-0") == "0");
    CHECK(python_number_text("-17") == "-17");
    CHECK(python_number_text("123456789012345678901234567890") == "123456789012345678901234567890");
    const std::string long_integer(5000, '7');
    CHECK(python_number_text(long_integer) == long_integer);
}

TEST_CASE("a float token is printed as the nearest double") {
    CHECK(python_number_text("1.0") == "1.0");
    CHECK(python_number_text("1.50") == "1.5");
    CHECK(python_number_text("-0.0") == "-0.0");
    CHECK(python_number_text("1E5") == "100000.0");
    CHECK(python_number_text("1e+100") == "1e+100");
    CHECK(python_number_text("0.1000000000000000055511151231257827") == "0.1");
    CHECK(python_number_text("12345678901234567890.0") == "1.2345678901234567e+19");
}

TEST_CASE("a float token outside the range of a double is printed as infinity or zero") {
    CHECK(python_number_text("1e400") == "inf");
    CHECK(python_number_text("-1e400") == "-inf");
    CHECK(python_number_text("1e-400") == "0.0");
    CHECK(python_number_text("-1e-400") == "-0.0");
    CHECK(python_number_text("1e99999999999999999999999") == "inf");
    CHECK(python_number_text("1e-99999999999999999999999") == "0.0");
    CHECK(python_number_text("0e99999999999999999999999") == "0.0");
    CHECK(python_number_text(std::string(400, '1') + ".0") == "inf");
    CHECK(python_number_text("0." + std::string(400, '0') + "1") == "0.0");
    CHECK(python_number_text("1" + std::string(400, '0') + "e-400") == "1.0");
}

TEST_CASE("float accepts what Python accepts") {
    CHECK(float_of("1") == 1.0);
    CHECK(float_of(" \t1.5\n") == 1.5);
    CHECK(float_of("\u00A0\u20031.5\u3000") == 1.5);
    CHECK(float_of("+5") == 5.0);
    CHECK(float_of("-.5") == -0.5);
    CHECK(float_of("5.") == 5.0);
    CHECK(float_of("5.e3") == 5000.0);
    CHECK(float_of("1_000.0_1e0_1") == 10000.1);
    CHECK(float_of("1.5E+0000000000000000000000003") == 1500.0);
    CHECK(std::signbit(float_of("-0")));
}

TEST_CASE("float reads infinity and nan in any case") {
    CHECK(float_of("inf") == infinity);
    CHECK(float_of("-Infinity") == -infinity);
    CHECK(float_of("+INF") == infinity);
    CHECK(std::isnan(float_of("NaN")));
    CHECK(std::isnan(float_of("-nan")));
    CHECK(float_of("1e400") == infinity);
    CHECK(float_of("-1e-400") == 0.0);
}

TEST_CASE("float refuses what Python refuses") {
    for (const std::string_view text :
         {""sv,     " "sv,    "."sv,    "-"sv,  "+-5"sv, "- 5"sv, "1 2"sv,  "_1"sv,      "1_"sv,   "1__0"sv, "1_.0"sv,
          "1._0"sv, "1_e1"sv, "1e_1"sv, "1e"sv, "1e+"sv, ".e3"sv, "0x10"sv, "infinit"sv, "nan_"sv, "1,5"sv,  "1\0"sv}) {
        CAPTURE(text);
        CHECK_FALSE(python_float(text).has_value());
    }
}

TEST_CASE("strip removes all Unicode whitespace from both ends and none from inside") {
    CHECK(python_strip("\t\x1F\u0085 a b\u2028\u3000\r\n") == "a b");
    CHECK(python_strip(" \u1680 ") == "");
    CHECK(python_strip("\u200Ba\u200B") == "\u200Ba\u200B");
    CHECK(python_strip("é") == "é");
}

TEST_CASE("a string is printed in quotes that it does not contain") {
    CHECK(python_string_repr("") == "''");
    CHECK(python_string_repr("plain ü ☃") == "'plain ü ☃'");
    CHECK(python_string_repr("it's") == "\"it's\"");
    CHECK(python_string_repr("say \"hi\"") == "'say \"hi\"'");
    CHECK(python_string_repr("it's \"hi\"") == "'it\\'s \"hi\"'");
}

TEST_CASE("a string is printed with escapes for unprintable characters") {
    CHECK(python_string_repr("\\ \n\r\t") == "'\\\\ \\n\\r\\t'");
    CHECK(python_string_repr("\x01\x7F\u00A0\u00AD") == "'\\x01\\x7f\\xa0\\xad'");
    CHECK(python_string_repr("\u200B\uFEFF") == "'\\u200b\\ufeff'");
    CHECK(python_string_repr("\U000E0001\U0001F600") == "'\\U000e0001\U0001F600'");
}

TEST_CASE("a number is converted to a day as seconds since 1970") {
    CHECK(day_of(0) == "1970-01-01");
    CHECK(day_of(86'399) == "1970-01-01");
    CHECK(day_of(86'400) == "1970-01-02");
    CHECK(day_of(-1) == "1969-12-31");
    CHECK(day_of(2e10) == "2603-10-11");
    CHECK(day_of(-2e10) == "1336-03-23");
}

TEST_CASE("a number above 2e10 is converted to a day in smaller units") {
    CHECK(day_of(1'611'869'217'511) == "2021-01-28");
    CHECK(day_of(1'611'869'217'511'123) == "2021-01-28");
    CHECK(day_of(1.6118692175111233e18) == "2021-01-28");
    CHECK(day_of(20'000'000'001) == "1970-08-20");
}

TEST_CASE("a number is rounded to microseconds before it is truncated to a day") {
    CHECK(day_of(86'399.9999994) == "1970-01-01");
    CHECK(day_of(86'399.9999996) == "1970-01-02");
    CHECK(day_of(-0.0000004) == "1970-01-01");
    CHECK(day_of(-0.0000006) == "1969-12-31");
}

TEST_CASE("a number beyond all units is the first or the last possible day") {
    CHECK(day_of(3.1e20) == "9999-12-31");
    CHECK(day_of(infinity) == "9999-12-31");
    CHECK(day_of(-3.1e20) == "0001-01-01");
    CHECK(day_of(-infinity) == "0001-01-01");
}

TEST_CASE("nan is not a day") {
    const auto outcome = python_date_from_unix(std::nan(""));
    REQUIRE(std::holds_alternative<date_problem>(outcome));
    CHECK(std::get<date_problem>(outcome) == date_problem::not_finite);
}
