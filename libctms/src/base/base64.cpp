// SPDX-License-Identifier: MPL-2.0
#include "base64.hpp"

#include <array>
#include <cstdint>

namespace ctms {
namespace {

struct alphabet {
    std::string_view characters;
    std::array<std::uint8_t, 256> values{};

    explicit constexpr alphabet(std::string_view sixty_four) : characters(sixty_four) {
        values.fill(no_value);
        for (std::uint8_t i = 0; i < 64; ++i) values[static_cast<unsigned char>(characters[i])] = i;
    }

    static constexpr std::uint8_t no_value = 0xFF;
};

constexpr alphabet common("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
constexpr alphabet url_safe("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

std::string encode(std::string_view bytes, const alphabet& letters) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char byte : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(byte);
        for (count += 8; count >= 6; count -= 6) out += letters.characters[(bits >> (count - 6)) & 0x3F];
    }
    if (count > 0) out += letters.characters[(bits << (6 - count)) & 0x3F];
    return out;
}

std::optional<std::string> decode(std::string_view text, const alphabet& letters) {
    const std::size_t rest = text.size() % 4;
    if (rest == 1) return std::nullopt;
    const auto value_at = [&](std::size_t i) -> std::uint32_t { return letters.values[static_cast<unsigned char>(text[i])]; };
    constexpr std::uint32_t invalid = 0xC0; // the bits of no_value that no value has
    std::string out(text.size() / 4 * 3 + (rest == 0 ? 0 : rest - 1), '\0');
    char* end = out.data();
    const auto append = [&end](std::uint32_t bits) { *end++ = static_cast<char>(static_cast<unsigned char>(bits)); };
    std::size_t i = 0;
    std::uint32_t seen = 0;
    for (; i + 4 <= text.size(); i += 4) {
        const auto first = value_at(i);
        const auto second = value_at(i + 1);
        const auto third = value_at(i + 2);
        const auto fourth = value_at(i + 3);
        seen |= first | second | third | fourth;
        const auto bits = first << 18U | second << 12U | third << 6U | fourth;
        append(bits >> 16U);
        append(bits >> 8U);
        append(bits);
    }
    std::uint32_t left_over = 0;
    if (rest != 0) {
        const auto third = rest == 3 ? value_at(i + 2) : 0;
        seen |= value_at(i) | value_at(i + 1) | third;
        const auto bits = value_at(i) << 12U | value_at(i + 1) << 6U | third;
        append(bits >> 10U);
        if (rest == 3) append(bits >> 2U);
        left_over = rest == 3 ? bits & 0x3U : bits & 0x3FFU;
    }
    if ((seen & invalid) != 0 || left_over != 0) return std::nullopt;
    return out;
}

} // namespace

std::string base64url_encode(std::string_view bytes) { return encode(bytes, url_safe); }

std::optional<std::string> base64url_decode(std::string_view text) { return decode(text, url_safe); }

std::string base64_encode(std::string_view bytes) {
    std::string out = encode(bytes, common);
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
    return decode(text, common);
}

} // namespace ctms
