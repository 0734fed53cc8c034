// SPDX-License-Identifier: MPL-2.0
// Stored addresses were never validated, so nothing here asks whether something is a good address:
// whatever touches an at sign goes, up to the next character that separates words.
// Every search stops at the end of the last removal, which keeps the whole linear in the text's length.
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

// %40, and the same encoded again and again: %2540, %252540.
std::size_t percent_at_length(std::string_view rest) noexcept {
    std::size_t end = 1;
    while (rest.substr(end, 2) == "25") end += 2;
    return rest.substr(end, 2) == "40" ? end + 2 : 0;
}

// The length of the at sign that `rest` begins with, in any spelling, or 0.
std::size_t at_sign_length(std::string_view rest) noexcept {
    static constexpr std::array<std::string_view, 8> others{"\\u0040", "\\x40", "%u0040", "&#64;", "&#x40;", "&commat;",
                                                            "\uFF20", // fullwidth and small at sign
                                                            "\uFE6B"};
    const char c = rest.front();
    if (c == '@') return 1;
    if (c != '%' && c != '\\' && c != '&' && c != '\xEF') return 0;
    if (c == '%') {
        if (const auto length = percent_at_length(rest)) return length;
    }
    for (const auto spelling : others) {
        if (ascii_iequal(rest.substr(0, spelling.size()), spelling)) return spelling.size();
    }
    return 0;
}

std::size_t find_at_sign(std::string_view text, std::size_t from) noexcept {
    while (from < text.size() && at_sign_length(text.substr(from)) == 0) ++from;
    return from < text.size() ? from : npos;
}

constexpr bool separates(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F || std::string_view("\"<>(),;[]").find(c) != npos;
}

// What may stand in an unquoted local part but hardly in a domain, and often follows one.
constexpr bool ends_domain(char c) noexcept { return separates(c) || std::string_view("&?/#:'`|{}=!*^$").find(c) != npos; }

// How much in front of an address is the path or query of a URL, and may stay: "/ctms?primary_email=".
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

// Where the address begins whose at sign stands behind `before`.
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
    if (text.substr(end, 1) == "[") { // an IP address as the domain; longer ones do not exist
        const auto close = text.substr(end, 64).find(']');
        if (close != npos) return end + close + 1;
    }
    while (end < text.size() && !ends_domain(text[end])) {
        const bool escape = text[end] == '\\'; // \u00e9 belongs to the name, \n and \" do not
        if (escape && text.substr(end, 2) != "\\u" && text.substr(end, 2) != "\\x") break;
        ++end;
    }
    return end;
}

// Traced, and only one address: behind a second at sign another one could hide.
bool may_stay(std::string_view word, std::size_t at) noexcept {
    const auto behind = at + at_sign_length(word.substr(at));
    return has_trace_mark(word.substr(0, at)) && find_at_sign(word, behind) == npos;
}

} // namespace

bool is_traced(std::string_view email) noexcept {
    const auto at = email.rfind('@');
    return at != npos && has_trace_mark(email.substr(0, at));
}

std::string redact_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t done = 0;
    for (auto at = find_at_sign(text, 0); at != npos; at = find_at_sign(text, done)) {
        const auto begin = done + local_part_begin(text.substr(done, at - done));
        const auto end = domain_end(text, at);
        const auto word = text.substr(begin, end - begin);
        out += text.substr(done, begin - done);
        out += may_stay(word, at - begin) ? word : omitted;
        done = end;
    }
    return out += text.substr(done);
}

std::string redact_header(std::string_view lower_case_name, std::string_view value) {
    static constexpr std::array<std::string_view, 5> secret{"cookie", "set-cookie", "authorization", "proxy-authorization", "x-api-key"};
    if (std::find(secret.begin(), secret.end(), lower_case_name) != secret.end()) return std::string(omitted);
    return redact_text(value);
}

std::string redact_query_value(std::string_view name, std::string_view value) {
    static constexpr std::array<std::string_view, 8> secret{
        "primary_email", "fxa_primary_email", "client_secret", "access_token", "refresh_token", "token", "password", "pubsub_client"};
    const auto same = [&](std::string_view other) { return ascii_iequal(name, other); };
    if (std::any_of(secret.begin(), secret.end(), same)) return std::string(omitted);
    return redact_text(value);
}

std::string redact_path_value(std::string_view name, std::string_view value) {
    if (name == "primary_email" && !is_traced(value)) return std::string(omitted);
    return redact_text(value);
}

} // namespace ctms::privacy
