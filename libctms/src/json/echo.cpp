// SPDX-License-Identifier: MPL-2.0
#include "echo.hpp"

#include <algorithm>

namespace ctms::json {
namespace {

bool is_inside(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

/// The position `count` characters after `at`, or the end.
std::size_t forward(std::string_view text, std::size_t at, std::size_t count) {
    for (; count > 0 && at < text.size(); --count) {
        ++at;
        while (is_inside(text, at)) ++at;
    }
    return at;
}

/// The position `count` characters before `at`, or the beginning.
std::size_t back(std::string_view text, std::size_t at, std::size_t count) {
    for (; count > 0 && at > 0; --count) {
        --at;
        while (at > 0 && is_inside(text, at)) --at;
    }
    return at;
}

} // namespace

std::string echo_of(std::string_view text) {
    const auto end = forward(text, 0, longest_echo);
    return std::string(text.substr(0, end)) + (end < text.size() ? "..." : "");
}

std::string_view echo_around(std::string_view text, std::size_t at) noexcept {
    at = std::min(at, text.size());
    while (at > 0 && is_inside(text, at)) --at;
    const auto begin = back(text, at, longest_echo / 2);
    return text.substr(begin, forward(text, at, longest_echo / 2) - begin);
}

} // namespace ctms::json
