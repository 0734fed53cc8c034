// SPDX-License-Identifier: MPL-2.0
#include "values.hpp"

#include <ctms/base/utf8.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ctms::config {
namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::int64_t largest_part = 1'000'000'000; // of a duration, so that sums and products of the parts do not overflow

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Removes the digits at the front of `text` and returns their value.
std::optional<std::int64_t> take_part(std::string_view& text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + digits, value);
    if (digits == 0 || failed != std::errc{} || value > largest_part) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

// [[HH:]MM:]SS
std::optional<std::chrono::seconds> parse_clock(std::string_view text) {
    std::int64_t total = 0;
    for (int parts = 1; parts <= 3; ++parts) {
        const auto part = take_part(text);
        if (!part) return std::nullopt;
        total = total * 60 + *part;
        if (text.empty()) return std::chrono::seconds(total);
        if (!text.starts_with(':')) return std::nullopt;
        text.remove_prefix(1);
    }
    return std::nullopt;
}

// Reads parts such as "1H30M", with the units in this order and each at most once, up to "T" or the end. False if that fails.
bool take_units(std::string_view& text, std::string_view units, const std::array<int, 3>& seconds_each, std::int64_t& total) {
    std::size_t next = 0;
    while (!text.empty() && text.front() != 'T') {
        const auto part = take_part(text);
        const auto unit = text.empty() ? npos : units.find(text.front(), next);
        if (!part || unit == npos) return false;
        total += *part * seconds_each[unit];
        next = unit + 1;
        text.remove_prefix(1);
    }
    return true;
}

// Reads what follows the "P" of an ISO 8601 duration.
std::optional<std::chrono::seconds> parse_iso(std::string_view text) {
    if (text.empty() || text.back() == 'T') return std::nullopt;
    std::int64_t total = 0;
    if (!take_units(text, "D", {86400, 0, 0}, total)) return std::nullopt;
    if (text.starts_with('T')) {
        text.remove_prefix(1);
        if (!take_units(text, "HMS", {3600, 60, 1}, total) || !text.empty()) return std::nullopt;
    }
    return std::chrono::seconds(total);
}

std::string to_text(int family, const void* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    return ::inet_ntop(family, address, text.data(), text.size()) == nullptr ? std::string() : std::string(text.data());
}

/// An address, or a network as address/bits, in its usual spelling.
std::optional<std::string> parse_network(const std::string& text) {
    constexpr int v4_bits = 32;
    constexpr int v6_bits = 128;
    constexpr int mapped_bits = 96; // the length of the prefix of mapped addresses
    const auto slash = text.find('/');
    const auto host = text.substr(0, slash);
    in6_addr address{};
    const bool is_v4 = ::inet_pton(AF_INET, host.c_str(), &address) == 1;
    if (!is_v4 && ::inet_pton(AF_INET6, host.c_str(), &address) != 1) return std::nullopt;
    const bool is_mapped = !is_v4 && IN6_IS_ADDR_V4MAPPED(&address);
    const auto spelled = is_v4       ? to_text(AF_INET, &address)
                         : is_mapped ? to_text(AF_INET, &address.s6_addr[12])
                                     : to_text(AF_INET6, &address);
    if (slash == std::string::npos) return spelled;
    auto digits = std::string_view(text).substr(slash + 1);
    const int least = is_mapped ? mapped_bits : 0;
    const auto bits = take_part(digits);
    if (!bits || !digits.empty() || *bits < least || *bits > (is_v4 ? v4_bits : v6_bits)) return std::nullopt;
    return spelled + '/' + std::to_string(*bits - least);
}

bool has_blanks(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
    return std::any_of(starts.begin(), starts.end(), [&](auto start) { return text.starts_with(start) && text.size() > start.size(); });
}

std::string without_secret_parameters(std::string_view query) {
    std::string out;
    while (!query.empty()) {
        const auto end = std::min(query.find('&', 1), query.size());
        const auto parameter = query.substr(0, end);
        const auto name = parameter.substr(0, parameter.find('='));
        const auto lower = ascii_lower(name);
        const bool secret =
            lower.find("pass") != npos || lower.find("secret") != npos || lower.find("key") != npos || lower.find('%') != npos;
        out += secret ? std::string(name) + "=[SECRET]" : std::string(parameter);
        query.remove_prefix(end);
    }
    return out;
}

} // namespace

std::optional<bool> parse_bool(std::string_view text) {
    const auto word = ascii_lower(text);
    for (const auto* yes : {"true", "1", "on", "yes", "t", "y"}) {
        if (word == yes) return true;
    }
    for (const auto* no : {"false", "0", "off", "no", "f", "n"}) {
        if (word == no) return false;
    }
    return std::nullopt;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    auto number = trimmed(text);
    if (number.starts_with('+') && !number.starts_with("+-")) number.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (failed != std::errc{} || end != number.data() + number.size()) return std::nullopt;
    return value;
}

std::optional<double> parse_decimal(std::string_view text) {
    const auto number = trimmed(text);
    double value = 0;
    const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (failed != std::errc{} || end != number.data() + number.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    const auto plain = trimmed(text);
    return plain.starts_with('P') ? parse_iso(plain.substr(1)) : parse_clock(plain);
}

std::optional<std::vector<std::string>> parse_addresses(std::string_view text) {
    std::vector<std::string> found;
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.find(',', begin), text.size());
        auto network = parse_network(std::string(trimmed(text.substr(begin, end - begin))));
        if (!network) return std::nullopt;
        found.push_back(*std::move(network));
        begin = end + 1;
    }
    return found;
}

bool is_http_url(std::string_view text) {
    const auto lower = ascii_lower(text);
    if (has_blanks(lower) || !begins_with_any(lower, {"http://", "https://"})) return false;
    return std::string_view("/?#:@").find(lower[lower.find("//") + 2]) == npos;
}

bool is_postgres_url(std::string_view text) { return !has_blanks(text) && begins_with_any(text, {"postgres://", "postgresql://"}); }

std::optional<sentry_dsn> parse_sentry_dsn(std::string_view text) {
    if (!is_http_url(text) || text.find_first_of("?#") != npos) return std::nullopt;
    const auto host = text.find("//") + 2;
    const auto at = text.find('@');
    const auto project = text.rfind('/') + 1;
    if (at == npos || project <= at) return std::nullopt;
    const auto key = text.substr(host, std::min(text.find(':', host), at) - host);
    const auto is_word = [](std::string_view word) {
        constexpr std::string_view allowed = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
        return !word.empty() && word.find_first_not_of(allowed) == npos;
    };
    const auto server = text.substr(at + 1, project - 1 - (at + 1));
    if (!is_word(key) || !is_word(text.substr(project)) || server.empty() || server.front() == '/' || server.front() == ':')
        return std::nullopt;
    return sentry_dsn{std::string(text.substr(0, host)).append(server), std::string(key), std::string(text.substr(project))};
}

std::string without_password(std::string_view url) {
    const auto scheme = url.find("://");
    const auto begin = scheme == npos ? 0 : scheme + 3;
    // Looks for the last at sign anywhere, so that a password with an unencoded slash or question mark is removed too.
    const auto at = url.rfind('@');
    const auto colon = url.find(':', begin);
    std::string out;
    if (at != npos && colon < at) {
        out = url.substr(0, colon);
        url.remove_prefix(at);
    }
    const auto query = std::min(url.find('?'), url.size());
    out += url.substr(0, query);
    return out + without_secret_parameters(url.substr(query));
}

} // namespace ctms::config
