// SPDX-License-Identifier: MPL-2.0
#include "request_rules.hpp"

#include <ctms/base/utf8.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace ctms::http {
namespace {

constexpr refusal malformed{400, "malformed"};
constexpr refusal line_too_long{414, "header_too_large"};
constexpr refusal unknown_expectation{417, "unsupported"};
constexpr refusal unknown_coding{501, "unsupported"};
constexpr refusal unknown_version{505, "unsupported"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_number(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

std::string_view without_blanks(std::string_view text) {
    const auto first = std::min(text.find_first_not_of(" \t"), text.size());
    text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(" \t") + 1);
}

/// Removes the first member from a list and returns it without surrounding blanks.
std::string_view take_member(std::string_view& list) {
    const auto end = std::min(list.find(','), list.size());
    const auto out = without_blanks(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    return out;
}

/// "[" IPv6 "]" (RFC 3986, 3.2.2).
bool is_ip_literal(std::string_view text) {
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
    std::array<unsigned char, 16> ignored{};
    return ::inet_pton(AF_INET6, std::string(text.substr(1, text.size() - 2)).c_str(), ignored.data()) == 1;
}

/// A name or an IPv4 address: unreserved characters, sub-delims and percent-encoded bytes (RFC 3986, 3.2.2).
bool is_name(std::string_view text) {
    constexpr std::string_view others = "-._~!$&'()*+,;=";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
            i += 2;
        } else if (!is_letter(c) && !is_digit(c) && others.find(c) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

bool is_port(std::string_view text) {
    constexpr std::size_t longest = 5;
    constexpr int largest = 65'535;
    return text.empty() || (is_number(text) && text.size() <= longest && std::stoi(std::string(text)) <= largest);
}

/// uri-host [ ":" port ]. It may be empty, because Host may be empty (RFC 9110, 7.2).
bool is_host(std::string_view text) {
    const auto bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == std::string_view::npos) return false;
    const auto colon = std::min(text.find(':', bracket), text.size());
    const auto name = text.substr(0, colon);
    const auto port = colon < text.size() ? text.substr(colon + 1) : std::string_view();
    return is_port(port) && (name.starts_with('[') ? is_ip_literal(name) : is_name(name));
}

/// Where the authority begins in "http://host/path"; npos if the target has another form.
std::size_t authority_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (ascii_iequal(target.substr(0, scheme.size()), scheme)) return scheme.size();
    }
    return std::string_view::npos;
}

/// Whether the target has one of the four allowed forms (RFC 9112, 3.2), without a fragment, which must not be sent (RFC 9110, 7.1).
bool is_good_target(std::string_view method, std::string_view target) {
    // Bytes outside ASCII should be percent-encoded, but curl and other clients send them unencoded, which causes no ambiguity.
    const auto visible = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f' && c != '#'; };
    if (!std::all_of(target.begin(), target.end(), visible)) return false;
    if (method == "CONNECT") return is_host(target) && target.find(':') != std::string_view::npos;
    if (target == "*") return method == "OPTIONS";
    if (target.starts_with('/')) return true;
    const auto begin = authority_of(target);
    if (begin == std::string_view::npos) return false;
    const auto host = target.substr(begin, target.find_first_of("/?", begin) - begin); // user information is an error (RFC 9110, 4.2.4)
    return !host.empty() && !host.starts_with(':') && is_host(host);
}

/// The transfer coding must be chunked and nothing else (RFC 9112, 6.1).
std::optional<refusal> check_coding(std::string_view codings) {
    const auto last_comma = codings.rfind(',');
    const auto last = without_blanks(codings.substr(last_comma == std::string_view::npos ? 0 : last_comma + 1));
    if (!ascii_iequal(last, "chunked")) return malformed; // the length of the body would be unknown
    if (last_comma == std::string_view::npos) return std::nullopt;
    for (auto others = codings.substr(0, last_comma); !others.empty();) {
        if (ascii_iequal(take_member(others), "chunked")) return malformed; // chunked must not be applied twice
    }
    return unknown_coding;
}

bool is_continue(std::string_view expectation) { return ascii_iequal(without_blanks(expectation), "100-continue"); }

} // namespace

std::optional<refusal> check_head(const request_head& head) {
    if (!is_good_target(head.method, head.target)) return malformed;
    int hosts = 0;
    int lengths = 0;
    std::optional<std::string> codings;
    std::optional<refusal> of_expectation;
    for (const auto& [name, value] : head.headers) {
        if (name == "host" && (++hosts > 1 || !is_host(value))) return malformed;
        if (name == "content-length" && (++lengths > 1 || !is_number(value))) return malformed;
        if (name == "transfer-encoding") codings = codings ? *codings + ',' + value : value;
        if (name == "expect" && head.http_1_1 && !is_continue(value)) of_expectation = unknown_expectation;
    }
    if (hosts == 0 && head.http_1_1) return malformed;
    if (codings) {
        if (lengths > 0 || !head.http_1_1) return malformed; // a proxy in front might find a different end of the body
        if (const auto refused = check_coding(*codings)) return refused;
    }
    return of_expectation;
}

refusal refuse_request_line(std::string_view begin) {
    const auto end = begin.find('\n');
    if (end == std::string_view::npos) return line_too_long;
    auto version = begin.substr(0, end);
    if (version.ends_with('\r')) version.remove_suffix(1);
    version.remove_prefix(std::min(version.rfind(' ') + 1, version.size()));
    constexpr std::string_view form = "HTTP/d.d";
    const auto fits = [](char of_form, char c) { return of_form == 'd' ? is_digit(c) : of_form == c; };
    const bool is_version = std::equal(form.begin(), form.end(), version.begin(), version.end(), fits);
    return is_version && version != "HTTP/1.0" && version != "HTTP/1.1" ? unknown_version : malformed;
}

bool expects_continue(const request_head& head) {
    return head.http_1_1 && std::any_of(head.headers.begin(), head.headers.end(),
                                        [](const auto& header) { return header.first == "expect" && is_continue(header.second); });
}

bool keeps_connection(const request_head& head) {
    bool is_asked_for = head.http_1_1;
    for (const auto& [name, value] : head.headers) {
        if (name != "connection") continue;
        for (std::string_view options = value; !options.empty();) {
            const auto option = take_member(options);
            if (ascii_iequal(option, "close")) return false;
            if (ascii_iequal(option, "keep-alive")) is_asked_for = true;
        }
    }
    return is_asked_for;
}

std::string origin_form(std::string_view method, std::string_view target) {
    const auto begin = authority_of(target);
    if (begin == std::string_view::npos) return std::string(target);
    const auto path = target.find_first_of("/?", begin);
    if (path == std::string_view::npos) return method == "OPTIONS" ? "*" : "/";
    const auto rest = target.substr(path);
    return (rest.starts_with('/') ? "" : "/") + std::string(rest);
}

} // namespace ctms::http
