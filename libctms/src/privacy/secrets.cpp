// SPDX-License-Identifier: MPL-2.0
#include "privacy/secrets.hpp"

#include "base/hex.hpp"

#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <array>

namespace ctms::privacy {
namespace {

/// Removes one layer of percent-encoding.
std::string decoded_once(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        out += low >= 0 ? static_cast<char>(high * 16 + low) : text[i];
        if (low >= 0) i += 2;
    }
    return out;
}

/// Keeps only letters and digits, in lower case.
std::string squashed(std::string_view text) {
    static constexpr std::array<char, 256> kept = [] { // NUL: left out
        std::array<char, 256> out{};
        for (std::size_t c = '0'; c <= '9'; ++c) out.at(c) = static_cast<char>(c);
        for (std::size_t c = 'a'; c <= 'z'; ++c) out.at(c) = out.at(c - 'a' + 'A') = static_cast<char>(c);
        return out;
    }();
    std::string out(text.size(), '\0');
    char* end = out.data();
    for (const char c : text) {
        const char letter = kept[static_cast<unsigned char>(c)];
        *end = letter;
        if (letter != '\0') ++end;
    }
    out.resize(static_cast<std::size_t>(end - out.data()));
    return out;
}

/// Searches for several words at once: a table of their first two letters tells where one may begin.
template <std::size_t Count>
class word_list {
public:
    explicit constexpr word_list(const std::array<std::string_view, Count>& words) : words_(words) {
        for (const auto word : words_) begins_[index_of(word[0])][index_of(word[1])] = true;
    }

    /// `text` must consist of lower-case letters and digits.
    [[nodiscard]] bool is_in(std::string_view text) const {
        for (std::size_t i = 0; i + 1 < text.size(); ++i) {
            if (!begins_[index_of(text[i])][index_of(text[i + 1])]) continue;
            const auto rest = text.substr(i);
            if (std::any_of(words_.begin(), words_.end(), [&](auto word) { return rest.starts_with(word); })) return true;
        }
        return false;
    }

private:
    static constexpr std::size_t index_of(char c) noexcept { return static_cast<unsigned char>(c) & 0x7FU; }

    std::array<std::string_view, Count> words_;
    std::array<std::array<bool, 128>, 128> begins_{};
};

constexpr word_list
    secret_words(
        std::to_array<std::string_view>(
            {
                "authoriz",  "apikey",     "accesskey", "assertion",  "bearer",       "credential", "jwt",
                "passw",     "passphrase", "pwd",       "privatekey", "pubsubclient", "secret",     "sessionid",
                "signature", "token",      "eyjhbgci",  "eyj0exai",   "eyjrawqi", // the beginning of a JSON Web Token: {"alg, {"typ, {"kid
            }));
/// Suspicious parts of names, for which the list is longer.
constexpr word_list parts_of_names(std::to_array<std::string_view>({
    "assertion",
    "auth",
    "bearer",
    "cert",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "key",
    "mail",
    "pass",
    "pwd",
    "pubsubclient",
    "secret",
    "session",
    "signature",
    "token",
}));

bool begins_with_scheme(std::string_view text) {
    constexpr std::size_t longest = 9;
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    const auto scheme = text.substr(0, text.substr(0, longest + 1).find_first_of(" \t"));
    if (scheme.size() > longest || scheme.size() == text.size()) return false;
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

bool tells_secret(std::string_view decoded) { return begins_with_scheme(decoded) || secret_words.is_in(squashed(decoded)); }

bool names_secret(std::string_view decoded) {
    const auto name = squashed(decoded);
    if (parts_of_names.is_in(name)) return true;
    constexpr auto whole = std::to_array<std::string_view>({"code", "sig", "otp", "user", "username", "login"});
    if (std::find(whole.begin(), whole.end(), name) != whole.end()) return true;
    const auto ends_with = [&](std::string_view end) {
        return decoded.size() >= end.size() && ascii_iequal(decoded.substr(decoded.size() - end.size()), end);
    };
    return ends_with("-user") || ends_with("-username");
}

} // namespace ctms::privacy
