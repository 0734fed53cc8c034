// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/time.hpp>

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace ctms {
namespace {

// Removes a number of `least` to `most` digits from the front of `text`.
std::optional<unsigned> take_number(std::string_view& text, std::size_t least, std::size_t most) {
    std::size_t length = 0;
    while (length < text.size() && length < most && text[length] >= '0' && text[length] <= '9') ++length;
    if (length < least) return std::nullopt;
    unsigned value = 0;
    std::from_chars(text.data(), text.data() + length, value);
    text.remove_prefix(length);
    return value;
}

bool take_dash(std::string_view& text) {
    if (!text.starts_with('-')) return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

void append_iso(std::string& out, timestamp when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::hh_mm_ss time(when - day);
    append_iso(out, date(day));
    auto to = std::back_inserter(out);
    fmt::format_to(to, "T{:02}:{:02}:{:02}", time.hours().count(), time.minutes().count(), time.seconds().count());
    if (time.subseconds().count() != 0) fmt::format_to(to, ".{:06}", time.subseconds().count());
    out += "+00:00";
}

std::string to_iso(timestamp when) {
    std::string out;
    append_iso(out, when);
    return out;
}

void append_iso(std::string& out, date day) {
    fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                   static_cast<unsigned>(day.day()));
}

std::string to_iso(date day) {
    std::string out;
    append_iso(out, day);
    return out;
}

std::optional<date> parse_date(std::string_view text) {
    const auto year = take_number(text, 4, 4);
    if (!year || !take_dash(text)) return std::nullopt;
    const auto month = take_number(text, 1, 2);
    if (!month || !take_dash(text)) return std::nullopt;
    const auto day = take_number(text, 1, 2);
    if (!day || !text.empty()) return std::nullopt;
    const date found(std::chrono::year(static_cast<int>(*year)), std::chrono::month(*month), std::chrono::day(*day));
    if (!found.ok() || *year == 0) return std::nullopt;
    return found;
}

} // namespace ctms
