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
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    int count = 0;
    for (const char letter : text) {
        const std::uint8_t value = letters.values[static_cast<unsigned char>(letter)];
        if (value == alphabet::no_value) return std::nullopt;
        bits = (bits << 6) | value;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(static_cast<unsigned char>(bits >> count));
    }
    const std::uint32_t left_over = bits & ((1U << count) - 1);
    if (left_over != 0) return std::nullopt;
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
