// SPDX-License-Identifier: MPL-2.0
#include "cache_control.hpp"

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace ctms::auth {
namespace {

constexpr std::int64_t most_seconds = std::int64_t{1} << 31; // RFC 9111, 1.2.2: replaces any larger number

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::int64_t> delta_seconds(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::int64_t seconds = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        seconds = std::min(seconds * 10 + (digit - '0'), most_seconds);
    }
    return seconds;
}

// Removes the first directive from the list. A comma in quotes does not end it. nullopt if a quote is not closed.
std::optional<std::string_view> take_directive(std::string_view& list) noexcept {
    std::size_t at = 0;
    bool quoted = false;
    for (; at < list.size() && (quoted || list[at] != ','); ++at) {
        if (list[at] == '"') quoted = !quoted;
        if (quoted && list[at] == '\\') ++at;
    }
    if (quoted) return std::nullopt;
    const auto directive = list.substr(0, at);
    list.remove_prefix(std::min(at + 1, list.size()));
    return trim(directive);
}

} // namespace

std::chrono::seconds allowed_age(std::string_view cache_control, std::string_view age) noexcept {
    std::optional<std::int64_t> allowed;
    while (!cache_control.empty()) {
        const auto directive = take_directive(cache_control);
        if (!directive) return std::chrono::seconds{0};
        const auto equals = std::min(directive->find('='), directive->size());
        const auto name = directive->substr(0, equals);
        if (ascii_iequal(name, "no-store") || ascii_iequal(name, "no-cache")) return std::chrono::seconds{0};
        if (!ascii_iequal(name, "max-age")) continue;
        if (allowed) return std::chrono::seconds{0};
        allowed = equals < directive->size() ? delta_seconds(directive->substr(equals + 1)) : std::nullopt;
        if (!allowed) return std::chrono::seconds{0};
    }
    const std::int64_t spent = delta_seconds(trim(age)).value_or(0);
    return std::chrono::seconds{std::max<std::int64_t>(allowed.value_or(0) - spent, 0)};
}

} // namespace ctms::auth
