// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/printable.hpp>

#include <ctms/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace ctms {
namespace {

struct code_range {
    char32_t first, last;
};

// Control, format, private and separator characters except U+0020 (the categories Cc Cf Co Zs Zl Zp).
constexpr std::array unprintable{
    code_range{0x0, 0x1F},        code_range{0x7F, 0xA0},       code_range{0xAD, 0xAD},       code_range{0x600, 0x605},
    code_range{0x61C, 0x61C},     code_range{0x6DD, 0x6DD},     code_range{0x70F, 0x70F},     code_range{0x890, 0x891},
    code_range{0x8E2, 0x8E2},     code_range{0x1680, 0x1680},   code_range{0x180E, 0x180E},   code_range{0x2000, 0x200F},
    code_range{0x2028, 0x202F},   code_range{0x205F, 0x2064},   code_range{0x2066, 0x206F},   code_range{0x3000, 0x3000},
    code_range{0xD800, 0xF8FF},   code_range{0xFEFF, 0xFEFF},   code_range{0xFFF9, 0xFFFB},   code_range{0x110BD, 0x110BD},
    code_range{0x110CD, 0x110CD}, code_range{0x13430, 0x13438}, code_range{0x1BCA0, 0x1BCA3}, code_range{0x1D173, 0x1D17A},
    code_range{0xE0001, 0xE0001}, code_range{0xE0020, 0xE007F}, code_range{0xF0000, 0xFFFFD}, code_range{0x100000, 0x10FFFD},
};

bool is_printable(char32_t c) {
    const auto range = std::lower_bound(unprintable.begin(), unprintable.end(), c, [](code_range r, char32_t x) { return r.last < x; });
    return range == unprintable.end() || c < range->first;
}

void append_escaped(std::string& out, char32_t c) {
    const auto value = static_cast<std::uint32_t>(c);
    switch (c) {
    case U'\n': out += "\\n"; return;
    case U'\r': out += "\\r"; return;
    case U'\t': out += "\\t"; return;
    default: break;
    }
    if (value <= 0xFF) {
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", value);
    } else if (value <= 0xFFFF) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", value);
    } else {
        fmt::format_to(std::back_inserter(out), "\\U{:08x}", value);
    }
}

} // namespace

std::string python_string_repr(std::string_view text) {
    const bool has = text.find('\'') != std::string_view::npos;
    const char quote = has && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string out(1, quote);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t c = next_code_point(text, at);
        if (c == U'\\' || c == static_cast<char32_t>(quote)) out += '\\';
        if (is_printable(c)) {
            out += text.substr(start, at - start);
        } else {
            append_escaped(out, c);
        }
    }
    return out += quote;
}

} // namespace ctms
