// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/address_text.hpp>

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <array>

namespace ctms {
namespace {

constexpr std::size_t longest_address = 255; // of the column

struct range {
    char32_t first;
    char32_t last;
};

constexpr std::array blank_ranges{range{0x00, 0x20},     range{0x7F, 0xA0},     range{0xAD, 0xAD},     range{0x61C, 0x61C},
                                  range{0x1680, 0x1680}, range{0x180E, 0x180E}, range{0x2000, 0x200F}, range{0x2028, 0x202F},
                                  range{0x205F, 0x206F}, range{0x3000, 0x3000}, range{0xFEFF, 0xFEFF}};

bool is_blank(char32_t code) noexcept {
    return std::any_of(blank_ranges.begin(), blank_ranges.end(), [&](range one) { return code >= one.first && code <= one.last; });
}

/// The beginning of the character that ends at `end`.
std::size_t last_character(std::string_view text, std::size_t end) noexcept {
    auto begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U) --begin;
    return begin;
}

bool has_blank(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        if (is_blank(next_code_point(text, at))) return true;
    }
    return false;
}

bool can_be_local_part(std::string_view text) noexcept {
    if (text.size() > 2 && text.front() == '"' && text.back() == '"')
        return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20U; });
    return !text.empty() && !has_blank(text) && text.find_first_of("()<>[]:;,\\\"@") == std::string_view::npos;
}

bool can_be_domain(std::string_view text) noexcept {
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') return true;
    if (text.empty() || text.front() == '.' || text.back() == '.' || text.find("..") != std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(), [](char c) {
        const auto lower = static_cast<char>(c | 0x20);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
               static_cast<unsigned char>(c) >= 0x80U;
    });
}

} // namespace

std::string_view without_blanks_around(std::string_view text) noexcept {
    std::size_t begin = 0;
    for (auto next = begin; next < text.size(); begin = next) {
        if (!is_blank(next_code_point(text, next))) break;
    }
    auto end = text.size();
    while (end > begin) {
        const auto last = last_character(text, end);
        auto after = last;
        if (!is_blank(next_code_point(text, after)) || after != end) break;
        end = last;
    }
    return text.substr(begin, end - begin);
}

bool can_be_address(std::string_view text) noexcept {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos || !is_valid_utf8(text) || utf8_length(text) > longest_address) return false;
    const auto domain = text.substr(at + 1);
    return can_be_local_part(text.substr(0, at)) && !has_blank(domain) && can_be_domain(domain);
}

} // namespace ctms
