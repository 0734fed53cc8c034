// SPDX-License-Identifier: MPL-2.0
// The scans that examine eight characters at once find every special character at every position.
#include "base/base64.hpp"
#include "base/eight_bytes.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>

namespace {

constexpr std::size_t longest = 2 * ctms::eight_bytes::count + 3;

std::string with(char special, std::size_t size, std::size_t at) {
    std::string out(size, 'x');
    out[at] = special;
    return out;
}

/// Calls `check(text, character)` for each of the 256 characters at each position of texts of all lengths up to `longest`.
template <class Check>
void for_each_text(const Check& check) {
    for (int code = 0; code < 256; ++code) {
        const auto special = static_cast<char>(code);
        for (std::size_t size = 1; size <= longest; ++size) {
            for (std::size_t at = 0; at < size; ++at) check(with(special, size, at), special);
        }
    }
}

} // namespace

TEST_CASE("eight bytes tell what is among them") {
    for (int code = 0; code < 256; ++code) {
        for (std::size_t at = 0; at < ctms::eight_bytes::count; ++at) {
            for (const char other : {'x', '\x80', '\xFF', '\x7F', '\x20', '!'}) {
                std::string text(ctms::eight_bytes::count, other);
                text[at] = static_cast<char>(code);
                const ctms::eight_bytes bytes(text.data());
                const auto any = [&](auto is) { return std::any_of(text.begin(), text.end(), is); };
                REQUIRE(bytes.any_above_ascii() == any([](unsigned char c) { return c >= 0x80; }));
                REQUIRE(bytes.any_below(0x20) == any([](unsigned char c) { return c < 0x20; }));
                REQUIRE(bytes.any_below(0x80) == any([](unsigned char c) { return c < 0x80; }));
                REQUIRE(bytes.any_equal('"') == any([](char c) { return c == '"'; }));
                REQUIRE(bytes.any_equal('\x7F') == any([](char c) { return c == '\x7F'; }));
            }
        }
    }
}

TEST_CASE("a JSON string has every quote, backslash and control character escaped, wherever it is") {
    for_each_text([](const std::string& text, char special) {
        std::string out;
        ctms::append_json_string(out, text);
        const bool needs_escape = special == '"' || special == '\\' || static_cast<unsigned char>(special) < 0x20;
        REQUIRE((out == '"' + text + '"') == !needs_escape);
        const auto is_raw = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
        REQUIRE(std::none_of(out.begin(), out.end(), is_raw));
        REQUIRE(std::count(out.begin(), out.end(), 'x') == static_cast<std::ptrdiff_t>(text.size()) - (special == 'x' ? 0 : 1));
    });
}

TEST_CASE("printable JSON has no control character but line feeds and tabs, and no invalid byte") {
    for_each_text([](const std::string& text, char special) {
        const auto out = ctms::printable_json(text);
        const auto byte = static_cast<unsigned char>(special);
        const bool stays = (byte >= 0x20 && byte < 0x7F) || special == '\n' || special == '\t';
        REQUIRE((out == text) == stays);
    });
}

TEST_CASE("base64 of all lengths can be read back, and a foreign character at any position is refused") {
    constexpr std::array foreign{'=', '.', ' ', '\0', '\x80', '\xFF', '+'};
    std::string bytes;
    for (std::size_t size = 0; size <= longest; ++size) {
        const auto text = ctms::base64url_encode(bytes);
        REQUIRE(ctms::base64url_decode(text) == bytes);
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (const char c : foreign) {
                auto wrong = text;
                wrong[at] = c;
                REQUIRE_FALSE(ctms::base64url_decode(wrong).has_value());
            }
        }
        bytes += static_cast<char>(static_cast<unsigned char>(size * 37 + 200));
    }
}
