// SPDX-License-Identifier: MPL-2.0
#include "privacy/secrets.hpp"

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <array>

namespace ctms::privacy {
namespace {

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// One layer of percent-encoding less.
std::string decoded_once(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
        const int low = high >= 0 ? digit_of(text[i + 2]) : -1;
        out += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
        if (low >= 0) i += 2;
    }
    return out;
}

/// Letters and digits only, in lower case.
std::string squashed(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        if (c >= 'A' && c <= 'Z') {
            out += static_cast<char>(c - 'A' + 'a');
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out += c;
        }
    }
    return out;
}

constexpr std::array secret_words = std::to_array<std::string_view>({
    "authoriz", "apikey", "accesskey", "assertion", "bearer", "credential", "jwt", "passw", "passphrase", "pwd", "privatekey",
    "pubsubclient", "secret", "sessionid", "signature", "token",
    "eyjhbgci", "eyj0exai", "eyjrawqi", // how a JSON Web Token begins: {"alg, {"typ, {"kid
});

bool holds_secret_word(std::string_view text) {
    constexpr std::string_view first_letters = "abcejpst"; // so that a text is looked through once, not once for each word
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (first_letters.find(text[i]) == std::string_view::npos) continue;
        const auto rest = text.substr(i);
        const auto begins = [&](std::string_view word) { return rest.starts_with(word); };
        if (std::any_of(secret_words.begin(), secret_words.end(), begins)) return true;
    }
    return false;
}

bool begins_with_scheme(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const auto scheme = text.substr(0, text.find_first_of(" \t"));
    if (scheme.size() == text.size()) return false;
    constexpr auto schemes = std::to_array<std::string_view>({"basic", "bearer", "digest", "negotiate", "ntlm", "hawk"});
    return std::any_of(schemes.begin(), schemes.end(), [&](auto one) { return ascii_iequal(scheme, one); });
}

} // namespace

std::optional<std::string> fully_decoded(std::string_view text) {
    constexpr int most_layers = 8;
    std::string out(text);
    for (int i = 0; i < most_layers; ++i) {
        if (out.find('%') == std::string::npos) return out;
        auto next = decoded_once(out);
        if (next.size() == out.size()) return out;
        out = std::move(next);
    }
    return std::nullopt;
}

bool tells_secret(std::string_view decoded) { return begins_with_scheme(decoded) || holds_secret_word(squashed(decoded)); }

bool names_secret(std::string_view decoded) {
    const auto name = squashed(decoded);
    if (holds_secret_word(name)) return true;
    constexpr auto parts = std::to_array<std::string_view>({"auth", "key", "mail", "pass", "cookie", "session", "csrf", "cert"});
    if (std::any_of(parts.begin(), parts.end(), [&](auto part) { return name.find(part) != std::string::npos; })) return true;
    constexpr auto whole = std::to_array<std::string_view>({"code", "sig", "otp", "user", "username", "login"});
    if (std::find(whole.begin(), whole.end(), name) != whole.end()) return true;
    return decoded.ends_with("-user") || decoded.ends_with("-username");
}

} // namespace ctms::privacy
