// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/printable.hpp>

#include "base/eight_bytes.hpp"

#include <ctms/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace ctms {
namespace {

struct range {
    char32_t first;
    char32_t last;
};

constexpr std::array escaped_ranges{range{0x00, 0x1F},        // C0
                                    range{0x7F, 0x9F},        // DEL, C1
                                    range{0xAD, 0xAD},        // soft hyphen
                                    range{0x61C, 0x61C},      // Arabic letter mark
                                    range{0x180E, 0x180E},    // Mongolian vowel separator
                                    range{0x200B, 0x200B},    // zero width space
                                    range{0x200E, 0x200F},    // left-to-right and right-to-left mark
                                    range{0x2028, 0x202E},    // separators, embeddings and overrides
                                    range{0x2060, 0x206F},    // invisible operators, isolates, deprecated format characters
                                    range{0xFEFF, 0xFEFF},    // byte order mark
                                    range{0xFFF9, 0xFFFB},    // interlinear annotation
                                    range{0xE0000, 0xE007F}}; // tags

bool needs_escape(char32_t code) noexcept {
    return std::any_of(escaped_ranges.begin(), escaped_ranges.end(), [&](range one) { return code >= one.first && code <= one.last; });
}

// Calls `escape(code, is_character)` for everything that needs an escape, and copies the rest.
template <class Escape>
void append_escaped(std::string& out, std::string_view text, const Escape& escape) {
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto begin = at;
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte >= 0x20 && byte < 0x7F) {
            ++at;
            continue;
        }
        const auto code = next_code_point(text, at);
        const bool is_character = byte < 0x80 || at - begin > 1;
        if (is_character && !needs_escape(code)) continue;
        out.append(text, copied, begin - copied);
        escape(is_character ? code : char32_t{byte}, is_character);
        copied = at;
    }
    out.append(text, copied);
}

template <class... Values>
void append(std::string& out, fmt::format_string<Values...> how, Values&&... values) {
    fmt::format_to(std::back_inserter(out), how, std::forward<Values>(values)...);
}

void append_shown(std::string& out, std::string_view text, bool keep_lines) {
    append_escaped(out, text, [&](char32_t code, bool is_character) {
        const auto number = static_cast<std::uint32_t>(code);
        if (keep_lines && (code == U'\n' || code == U'\t')) {
            out += static_cast<char>(code);
        } else if (number < 0x80 || !is_character) {
            append(out, "\\x{:02x}", number);
        } else {
            append(out, "\\u{{{:x}}}", number);
        }
    });
}

/// Whether the text is ASCII without control characters other than line feeds and tabs.
bool is_plain(std::string_view text) noexcept {
    const auto is_plain_byte = [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t'; };
    for (; text.size() >= eight_bytes::count; text.remove_prefix(eight_bytes::count)) {
        const eight_bytes next(text.data());
        if (!next.any_above_ascii() && !next.any_below(0x20) && !next.any_equal('\x7F')) continue;
        if (!std::all_of(text.begin(), text.begin() + eight_bytes::count, is_plain_byte)) return false;
    }
    return std::all_of(text.begin(), text.end(), is_plain_byte);
}

// ---- Python's repr() --------------------------------------------------------------------------------

// Control, format, private and separator characters except U+0020 (the categories Cc Cf Co Zs Zl Zp).
constexpr std::array unprintable_in_python{
    range{0x0, 0x1F},        range{0x7F, 0xA0},       range{0xAD, 0xAD},         range{0x600, 0x605},     range{0x61C, 0x61C},
    range{0x6DD, 0x6DD},     range{0x70F, 0x70F},     range{0x890, 0x891},       range{0x8E2, 0x8E2},     range{0x1680, 0x1680},
    range{0x180E, 0x180E},   range{0x2000, 0x200F},   range{0x2028, 0x202F},     range{0x205F, 0x2064},   range{0x2066, 0x206F},
    range{0x3000, 0x3000},   range{0xD800, 0xF8FF},   range{0xFEFF, 0xFEFF},     range{0xFFF9, 0xFFFB},   range{0x110BD, 0x110BD},
    range{0x110CD, 0x110CD}, range{0x13430, 0x13438}, range{0x1BCA0, 0x1BCA3},   range{0x1D173, 0x1D17A}, range{0xE0001, 0xE0001},
    range{0xE0020, 0xE007F}, range{0xF0000, 0xFFFFD}, range{0x100000, 0x10FFFD},
};

bool python_prints(char32_t c) {
    const auto* const found = std::lower_bound(unprintable_in_python.begin(), unprintable_in_python.end(), c,
                                               [](range one, char32_t code) { return one.last < code; });
    return found == unprintable_in_python.end() || c < found->first;
}

void append_python_escape(std::string& out, char32_t c) {
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

void append_printable(std::string& out, std::string_view text) { append_shown(out, text, false); }

std::string printable(std::string_view text) {
    std::string out;
    append_shown(out, text, false);
    return out;
}

std::string printable_lines(std::string_view text) {
    std::string out;
    append_shown(out, text, true);
    return out;
}

std::string printable_json(std::string json) {
    if (is_plain(json)) return json; // the usual case
    std::string out;
    append_escaped(out, json, [&](char32_t code, bool is_character) {
        const auto number = static_cast<std::uint32_t>(is_character ? code : U'\uFFFD');
        if (number == '\n' || number == '\t') {
            out += static_cast<char>(number);
        } else if (number < 0x10000) {
            append(out, "\\u{:04x}", number);
        } else { // RFC 8259, section 7: a surrogate pair
            append(out, "\\u{:04x}\\u{:04x}", 0xD800 + ((number - 0x10000) >> 10U), 0xDC00 + ((number - 0x10000) & 0x3FFU));
        }
    });
    return out;
}

std::string python_string_repr(std::string_view text) {
    const bool has = text.find('\'') != std::string_view::npos;
    const char quote = has && text.find('"') == std::string_view::npos ? '"' : '\'';
    std::string out(1, quote);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t start = at;
        const char32_t c = next_code_point(text, at);
        if (c == U'\\' || c == static_cast<char32_t>(quote)) out += '\\';
        if (python_prints(c)) {
            out += text.substr(start, at - start);
        } else {
            append_python_escape(out, c);
        }
    }
    return out += quote;
}

} // namespace ctms
