// SPDX-License-Identifier: MPL-2.0
#include "python_text.hpp"

#include <ctms/base/utf8.hpp>

#include <fmt/format.h>

#include <locale.h> // newlocale
#include <stdlib.h> // strtod_l

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>

namespace ctms::json {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

unsigned char byte(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// The digits of the shortest form "d.ddde±xx", and the decimal exponent of the first digit.
struct shortest_digits {
    std::string digits;
    int exponent = 0;
};

shortest_digits digits_of(double positive) {
    std::array<char, 40> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), positive, std::chars_format::scientific).ptr;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const std::size_t e = text.find('e');
    shortest_digits result;
    std::copy_if(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(e), std::back_inserter(result.digits), is_digit);
    const std::size_t exponent = text[e + 1] == '+' ? e + 2 : e + 1;
    std::from_chars(text.data() + exponent, text.data() + text.size(), result.exponent);
    return result;
}

std::string fixed_notation(const shortest_digits& number) {
    const auto& [digits, exponent] = number;
    if (exponent < 0) return "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole) return digits + std::string(whole - digits.size(), '0') + ".0";
    return digits.substr(0, whole) + '.' + digits.substr(whole);
}

std::string exponent_notation(const shortest_digits& number) {
    std::string out = number.digits.substr(0, 1);
    if (number.digits.size() > 1) out.append(1, '.').append(number.digits, 1);
    return out + fmt::format("e{}{:02}", number.exponent < 0 ? '-' : '+', std::abs(number.exponent));
}

// Moves digits from `rest` to `digits`, dropping single underscores between them; false if an underscore is anywhere else.
bool take_digits(std::string_view& rest, std::string& digits) {
    std::size_t at = 0;
    for (; at < rest.size() && (is_digit(rest[at]) || rest[at] == '_'); ++at) {
        if (is_digit(rest[at])) {
            digits += rest[at];
        } else if (at == 0 || rest[at - 1] == '_') {
            return false;
        }
    }
    if (at > 0 && rest[at - 1] == '_') return false;
    rest.remove_prefix(at);
    return true;
}

// Reads what may follow a mantissa: "e", a sign, digits.
bool take_exponent(std::string_view& rest, std::string& decimal) {
    if (rest.empty() || (rest[0] != 'e' && rest[0] != 'E')) return true;
    rest.remove_prefix(1);
    decimal += 'e';
    if (!rest.empty() && (rest[0] == '+' || rest[0] == '-')) {
        decimal += rest[0];
        rest.remove_prefix(1);
    }
    const std::size_t before = decimal.size();
    return take_digits(rest, decimal) && decimal.size() > before;
}

std::optional<double> unsigned_float(std::string_view rest) {
    if (ascii_iequal(rest, "inf") || ascii_iequal(rest, "infinity")) return std::numeric_limits<double>::infinity();
    if (ascii_iequal(rest, "nan")) return std::numeric_limits<double>::quiet_NaN();
    std::string decimal;
    if (!take_digits(rest, decimal)) return std::nullopt;
    std::size_t digits = decimal.size();
    if (!rest.empty() && rest[0] == '.') {
        rest.remove_prefix(1);
        decimal += '.';
        if (!take_digits(rest, decimal)) return std::nullopt;
        digits = decimal.size() - 1;
    }
    if (digits == 0 || !take_exponent(rest, decimal) || !rest.empty()) return std::nullopt;
    return nearest_double(decimal);
}

} // namespace

std::size_t python_blank_at(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size()) return 0;
    const unsigned char first = byte(text, at);
    if (first < 0x80) return (first >= 0x09 && first <= 0x0D) || (first >= 0x1C && first <= 0x20) ? 1 : 0;
    const std::string_view two = text.substr(at, 2);
    if (two == "\u0085" || two == "\u00A0") return 2;
    const std::string_view three = text.substr(at, 3);
    if (three >= "\u2000" && three <= "\u200A") return 3;
    for (const std::string_view blank : {"\u1680", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
        if (three == blank) return 3;
    }
    return 0;
}

std::string_view python_strip(std::string_view text) noexcept {
    while (const std::size_t length = python_blank_at(text, 0)) text.remove_prefix(length);
    for (std::size_t length = 1; length <= 3 && length <= text.size();) {
        if (python_blank_at(text, text.size() - length) == length) {
            text.remove_suffix(length);
            length = 1;
        } else {
            ++length;
        }
    }
    return text;
}

// libc++ has no std::from_chars for double before version 20, and std::strtod follows the locale of the process.
double nearest_double(std::string_view decimal) {
    static const locale_t classic = newlocale(LC_ALL_MASK, "C", nullptr);
    return strtod_l(std::string(decimal).c_str(), nullptr, classic);
}

std::string python_float_repr(double number) {
    if (std::isnan(number)) return "nan";
    const std::string sign = std::signbit(number) ? "-" : "";
    if (std::isinf(number)) return sign + "inf";
    if (number == 0) return sign + "0.0";
    const shortest_digits digits = digits_of(std::abs(number));
    const bool fixed = digits.exponent >= -4 && digits.exponent < 16;
    return sign + (fixed ? fixed_notation(digits) : exponent_notation(digits));
}

std::string python_number_text(std::string_view json_number) {
    if (json_number == "-0") return "0";
    if (json_number.find_first_of(".eE") == std::string_view::npos) return std::string(json_number);
    return python_float_repr(nearest_double(json_number));
}

std::optional<double> python_float(std::string_view text) {
    std::string_view rest = python_strip(text);
    const bool negative = rest.starts_with('-');
    if (negative || rest.starts_with('+')) rest.remove_prefix(1);
    const std::optional<double> size = unsigned_float(rest);
    return size && negative ? -*size : size;
}

std::variant<ctms::date, date_problem> python_date_from_unix(double seconds) {
    using namespace std::chrono;
    constexpr double last_number = 3e20;
    constexpr double last_seconds = 2e10;
    if (std::isnan(seconds)) return date_problem::not_finite;
    if (seconds > last_number) return ctms::date{year{9999}, December, day{31}};
    if (seconds < -last_number) return ctms::date{year{1}, January, day{1}};
    while (std::abs(seconds) > last_seconds) seconds /= 1000;
    // Rounds as timedelta does: only the fraction, half to even.
    const double whole = std::trunc(seconds);
    const auto fraction = static_cast<std::int64_t>(std::nearbyint((seconds - whole) * 1e6));
    const timestamp when{microseconds{static_cast<std::int64_t>(whole) * 1'000'000 + fraction}};
    const ctms::date day{floor<days>(when)};
    if (day.year() < year{1} || day.year() > year{9999}) return date_problem::out_of_range;
    return day;
}

} // namespace ctms::json
