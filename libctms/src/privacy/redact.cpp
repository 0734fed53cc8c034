// SPDX-License-Identifier: MPL-2.0
// Stored addresses were never validated, so nothing here checks whether something is a valid address:
// everything next to an at sign is removed, up to the next character that separates words.
// Every search stops at the end of the last removal, so that the time is linear in the length of the text.
#include "privacy/secrets.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>

#include <algorithm>
#include <array>

namespace ctms::privacy {
namespace {

constexpr auto npos = std::string_view::npos;

constexpr std::array<std::string_view, 2> trace_marks{"+trace_me_mozilla_", "+trace-me-mozilla-"};

bool has_trace_mark(std::string_view local_part) noexcept {
    return std::any_of(trace_marks.begin(), trace_marks.end(), [&](auto mark) { return local_part.find(mark) != npos; });
}

// The length of %40, or of the same encoded several times: %2540, %252540.
std::size_t percent_at_length(std::string_view rest) noexcept {
    std::size_t end = 1;
    while (rest.substr(end, 2) == "25") end += 2;
    return rest.substr(end, 2) == "40" ? end + 2 : 0;
}

// The length of "0040;" and the like: the number with any leading zeros and the end mark. 0 if it is another number.
std::size_t number_length(std::string_view rest, std::string_view number, std::string_view digits, char end_mark) noexcept {
    const auto zeros = std::min(rest.find_first_not_of('0'), rest.size());
    if (!rest.substr(zeros).starts_with(number)) return 0;
    const auto end = zeros + number.size();
    if (rest.substr(end, 1) == std::string_view(&end_mark, 1)) return end + 1;
    const bool goes_on = end < rest.size() && digits.find(rest[end]) != npos;
    return end_mark == ';' && !goes_on ? end : 0; // HTML accepts a missing semicolon
}

constexpr std::string_view decimal = "0123456789";
constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";

// The length of &#64; &#x40; or &commat; also with leading zeros, without the semicolon, or escaped again: &amp;#64;
std::size_t entity_length(std::string_view rest) noexcept {
    std::size_t begin = 1;
    while (ascii_iequal(rest.substr(begin, 4), "amp;")) begin += 4;
    const auto name = rest.substr(begin);
    if (ascii_iequal(name.substr(0, 6), "commat")) return begin + 6 + (name.substr(6, 1) == ";" ? 1 : 0);
    if (!name.starts_with('#')) return 0;
    const bool is_hexadecimal = name.substr(1, 1) == "x" || name.substr(1, 1) == "X";
    const std::size_t prefix = is_hexadecimal ? 2 : 1;
    const auto number = number_length(name.substr(prefix), is_hexadecimal ? "40" : "64", is_hexadecimal ? hexadecimal : decimal, ';');
    return number == 0 ? 0 : begin + prefix + number;
}

// The length of \u0040 \x40 \U00000040 \u{40} \x{0040}
std::size_t escape_length(std::string_view rest) noexcept {
    for (const std::string_view spelling : {"\\u0040", "\\x40", "\\u00000040"}) {
        if (ascii_iequal(rest.substr(0, spelling.size()), spelling)) return spelling.size();
    }
    constexpr std::size_t prefix = 3;
    if (!ascii_iequal(rest.substr(0, prefix), "\\u{") && !ascii_iequal(rest.substr(0, prefix), "\\x{")) return 0;
    const auto number = number_length(rest.substr(prefix), "40", hexadecimal, '}');
    return number == 0 ? 0 : prefix + number;
}

// The length of the at sign that `rest` begins with, in any spelling, or 0.
std::size_t at_sign_length(std::string_view rest) noexcept {
    constexpr std::string_view other_percent = "%u0040";
    constexpr std::string_view fullwidth = "\uFF20";
    constexpr std::string_view small = "\uFE6B";
    switch (rest.front()) {
    case '@': return 1;
    case '%': {
        if (const auto length = percent_at_length(rest)) return length;
        return ascii_iequal(rest.substr(0, other_percent.size()), other_percent) ? other_percent.size() : 0;
    }
    case '&': return entity_length(rest);
    case '\\': return escape_length(rest);
    case '\xEF': return rest.starts_with(fullwidth) || rest.starts_with(small) ? fullwidth.size() : 0;
    default: return 0;
    }
}

std::size_t find_at_sign(std::string_view text, std::size_t from) noexcept {
    static constexpr std::array<bool, 256> may_begin = [] {
        std::array<bool, 256> out{};
        for (const char c : {'@', '%', '&', '\\', '\xEF'}) out.at(static_cast<unsigned char>(c)) = true;
        return out;
    }();
    for (; from < text.size(); ++from) {
        if (may_begin[static_cast<unsigned char>(text[from])] && at_sign_length(text.substr(from)) > 0) return from;
    }
    return npos;
}

constexpr bool separates(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F || std::string_view("\"<>(),;[]").find(c) != npos;
}

// Characters that an unquoted local part may contain, but that are unlikely in a domain and often follow one.
constexpr bool ends_domain(char c) noexcept { return separates(c) || std::string_view("&?/#:'`|{}=!*^$").find(c) != npos; }

// How much of the text before an address is the path or query of a URL and may stay: "/ctms?primary_email=".
std::size_t url_prefix_length(std::string_view before) noexcept {
    const auto punctuation = std::min(before.find_first_not_of("'`:={}|&?#*!./"), before.size());
    const bool is_url = before.substr(0, punctuation).find('/') != npos || before.find("://") != npos;
    if (!is_url) return punctuation;
    const auto query = before.find('?');
    if (query == npos) return before.rfind('/') + 1;
    const auto ampersand = before.rfind('&');
    const auto parameter = ampersand == npos || ampersand < query ? query : ampersand;
    const auto equals = before.find('=', parameter);
    return (equals == npos ? parameter : equals) + 1;
}

// Where the address begins whose at sign follows `before`.
std::size_t local_part_begin(std::string_view before) noexcept {
    if (before.ends_with('"')) { // "john doe"@example.com
        const auto open = before.substr(0, before.size() - 1).rfind('"');
        return open == npos ? before.size() - 1 : open;
    }
    // PostgreSQL: Key (primary_email)=(john doe@example.com) already exists.
    if (const auto key = before.rfind(")=("); key != npos) return key + 3;
    const auto word = std::find_if(before.rbegin(), before.rend(), separates).base();
    const auto begin = static_cast<std::size_t>(word - before.begin());
    return begin + url_prefix_length(before.substr(begin));
}

std::size_t domain_end(std::string_view text, std::size_t at) noexcept {
    std::size_t end = at + at_sign_length(text.substr(at));
    if (text.substr(end, 1) == "[") { // an IP address as the domain, which is at most this long
        const auto close = text.substr(end, 64).find(']');
        if (close != npos) return end + close + 1;
    }
    while (end < text.size()) {
        if (const auto sign = at_sign_length(text.substr(end))) { // another address, or an address with two at signs
            end += sign;
            continue;
        }
        if (ends_domain(text[end])) break;
        const bool escape = text[end] == '\\'; // \u00e9 is part of the name, \n and \" are not
        if (escape && text.substr(end, 2) != "\\u" && text.substr(end, 2) != "\\x") break;
        ++end;
    }
    return end;
}

// Whether the word is a single traced address. After a second at sign there could be another address.
bool may_stay(std::string_view word, std::size_t at) noexcept {
    const auto behind = at + at_sign_length(word.substr(at));
    return has_trace_mark(word.substr(0, at)) && find_at_sign(word, behind) == npos;
}

} // namespace

bool is_traced(std::string_view email) noexcept {
    const auto at = email.rfind('@');
    return at != npos && has_trace_mark(email.substr(0, at));
}

bool holds_at_sign(std::string_view text) noexcept { return find_at_sign(text, 0) != npos; }

std::string redact_text(std::string_view text) {
    const auto first = find_at_sign(text, 0);
    if (first == npos) return std::string(text);
    std::string out;
    out.reserve(text.size());
    std::size_t done = 0;
    for (auto at = first; at != npos; at = find_at_sign(text, done)) {
        const auto begin = done + local_part_begin(text.substr(done, at - done));
        const auto end = domain_end(text, at);
        const auto word = text.substr(begin, end - begin);
        out += text.substr(done, begin - done);
        out += may_stay(word, at - begin) ? word : omitted;
        done = end;
    }
    return out += text.substr(done);
}

} // namespace ctms::privacy
