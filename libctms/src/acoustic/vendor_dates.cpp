// SPDX-License-Identifier: MPL-2.0
// strptime reads the day, trying one form after the other. The text after the day has the same syntax for all forms, so one
// expression matches it. The library never sets a locale, so the names of months are English.
#include "vendor_dates.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <regex>

namespace ctms::acoustic {
namespace {

constexpr std::size_t longest_text = 100;

constexpr const char* compact_form = "%Y%m%d";
constexpr std::size_t compact_digits = 8;

/// Forms of a day; a space matches any whitespace or none. The month comes first, as in the vendor's other dates.
constexpr std::array day_forms{"%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", compact_form, "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y",
                               "%d-%m-%Y", "%m.%d.%Y", "%d.%m.%Y", "%m/%d/%y",   "%d/%m/%y", "%d %b %Y", "%d-%b-%Y",
                               "%b %d %Y", "%Y %b %d", "%Y-%b-%d", "%d %b %y",   "%d-%b-%y"};

/// Forms with the time before the year: asctime() and date(1).
constexpr std::array whole_forms{"%b %d %H:%M:%S %Y", "%b %d %H:%M:%S UTC %Y", "%b %d %H:%M:%S GMT %Y"};

/// Matches what may follow a day: a time, a fraction, AM or PM, a zone by offset or name, a remark in parentheses as in JavaScript.
const std::regex& behind_day() {
    static const std::regex form(
        R"((?:(?:[Tt]|\s+(?:at\s+)?)?)"
        R"((?:(?:[01]?\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:[.,]\d{1,9})?)?|(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?))"
        R"((?:\s*[AaPp]\.?[Mm]\.?)?)?)"
        R"((?:\s*(?:[Zz]|[A-Z]{3,5}))?(?:\s*[+-]\d{2}(?::?\d{2})?)?(?:\s*\([^()]*\))?\s*)",
        std::regex::optimize);
    return form;
}

/// Removes what says nothing about the day: leading whitespace, the weekday, commas between words, the "th" of "29th".
std::string normalized(std::string_view text) {
    static const std::regex weekday(R"(^\s*(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)", std::regex::icase);
    static const std::regex ordinal(R"((\d)(?:st|nd|rd|th)\b)", std::regex::icase);
    static const std::regex comma(R"(,\s|^\s+)");
    const auto named = std::regex_replace(std::string(text), weekday, "");
    return std::regex_replace(std::regex_replace(named, ordinal, "$1"), comma, " ");
}

std::optional<date> existing_day(const std::tm& parts) {
    const date day(std::chrono::year(parts.tm_year + 1900), std::chrono::month(static_cast<unsigned>(parts.tm_mon) + 1),
                   std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
    // A number of three digits is not a year but the beginning of something else.
    if (!day.ok() || day.year() < std::chrono::year(1000)) return std::nullopt;
    return day;
}

std::optional<date> read_day(const std::string& text, const char* form, bool with_time) {
    // strptime would also accept 2021112 and other numbers with fewer digits.
    if (form == compact_form && std::min(text.find_first_not_of("0123456789"), text.size()) < compact_digits) return std::nullopt;
    std::tm parts{};
    const char* rest = strptime(text.c_str(), form, &parts);
    if (rest == nullptr) return std::nullopt;
    if (with_time ? *rest != '\0' : !std::regex_match(rest, behind_day())) return std::nullopt;
    return existing_day(parts);
}

/// Reads seconds or milliseconds since 1970, which have 10 or 13 digits from 2001 to 2286.
std::optional<date> read_epoch(std::string_view text) {
    if ((text.size() != 10 && text.size() != 13) || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    const std::chrono::seconds seconds(text.size() == 13 ? number / 1000 : number);
    return date(std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(seconds)));
}

} // namespace

std::string us_date(date day) {
    return fmt::format("{:02}/{:02}/{:04}", static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                       static_cast<int>(day.year()));
}

std::string us_date(timestamp when) { return us_date(date(std::chrono::floor<std::chrono::days>(when))); }

std::string us_time(timestamp when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::hh_mm_ss time(when - day);
    return fmt::format("{} {:02}:{:02}:{:02}", us_date(date(day)), time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<date> find_date(std::string_view text) {
    if (text.size() > longest_text || text.find('\0') != std::string_view::npos) return std::nullopt;
    if (const auto day = read_epoch(text)) return day;
    const auto plain = normalized(text);
    for (const auto* form : day_forms) {
        if (const auto day = read_day(plain, form, false)) return day;
    }
    for (const auto* form : whole_forms) {
        if (const auto day = read_day(plain, form, true)) return day;
    }
    return std::nullopt;
}

} // namespace ctms::acoustic
