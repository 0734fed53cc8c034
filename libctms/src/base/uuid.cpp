// SPDX-License-Identifier: MPL-2.0
#include <ctms/base/uuid.hpp>

#include "base/hex.hpp"

#include <sys/random.h>

#include <cerrno>
#include <exception>
#include <ostream>

namespace ctms {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

// Removes `word` in one pass from left to right, like Python's str.replace: a new match formed by a removal stays.
std::string without(std::string_view text, std::string_view word) {
    std::string out;
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word)) {
        out += text.substr(0, at);
        text.remove_prefix(at + word.size());
    }
    return out += text;
}

// Most strings are 32 digits with or without dashes and need no copy; this is for the others.
std::string without_decoration(std::string_view text) {
    const std::string plain = without(without(text, "urn:"), "uuid:");
    const auto first = plain.find_first_not_of("{}");
    if (first == std::string::npos) return {};
    return plain.substr(first, plain.find_last_not_of("{}") - first + 1);
}

std::optional<uuid> parse_digits(std::string_view text) {
    std::array<std::uint8_t, 16> bytes{};
    std::size_t count = 0;
    for (const char c : text) {
        if (c == '-') continue;
        const int value = hex_value(c);
        if (value < 0 || count == 32) return std::nullopt;
        bytes[count / 2] = static_cast<std::uint8_t>(bytes[count / 2] << 4 | value);
        ++count;
    }
    if (count != 32) return std::nullopt;
    return uuid(bytes);
}

} // namespace

std::optional<uuid> uuid::parse(std::string_view text) {
    if (const auto plain = parse_digits(text)) return plain;
    if (text.find_first_of("{}:") == std::string_view::npos) return std::nullopt;
    return parse_digits(without_decoration(text));
}

uuid uuid::random() {
    std::array<std::uint8_t, 16> bytes{};
    // Up to 256 bytes are returned completely or not at all. Without a random source no unique ids are possible, so give up.
    while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        if (errno != EINTR) std::terminate();
    }
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);
    return uuid(bytes);
}

int uuid::version() const {
    const bool rfc_variant = (bytes_[8] & 0xC0) == 0x80;
    return rfc_variant ? bytes_[6] >> 4 : 0;
}

std::string uuid::to_string() const {
    std::string out;
    out.reserve(36);
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
        out += digits[bytes_[i] >> 4];
        out += digits[bytes_[i] & 0x0F];
    }
    return out;
}

std::ostream& operator<<(std::ostream& out, const uuid& id) { return out << id.to_string(); }

} // namespace ctms
