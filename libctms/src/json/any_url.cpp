// SPDX-License-Identifier: MPL-2.0
#include "any_url.hpp"

#include "echo.hpp"
#include "python_text.hpp"

#include <ctms/base/json_text.hpp>
#include <ctms/base/printable.hpp>
#include <ctms/base/utf8.hpp>

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace ctms::json {
namespace {

constexpr std::size_t npos = std::string_view::npos;
constexpr std::size_t longest_label = 63;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

struct url_parts {
    std::string_view scheme, user, password, host, port, path, query, fragment, rest;
    bool is_domain = false;
};

// Returns where a run of characters ends that contains none of `stops` and no whitespace.
std::size_t run_end(std::string_view text, std::size_t from, std::string_view stops) {
    while (from < text.size() && stops.find(text[from]) == npos && python_blank_at(text, from) == 0) ++from;
    return from;
}

template <class Predicate>
std::size_t while_end(std::string_view text, std::size_t from, Predicate fits) {
    while (from < text.size() && fits(text[from])) ++from;
    return from;
}

bool ends_host(std::string_view text, std::size_t at) { return at == text.size() || std::string_view("/:#?").find(text[at]) != npos; }

// Splits a URL from left to right, the way pydantic's regular expression matches it. Every part may be missing.
class url_scanner {
public:
    explicit url_scanner(std::string_view text) : text_(text) {}

    url_parts scan() {
        url_parts parts;
        parts.scheme = scheme();
        user_info(parts);
        parts.host = address();
        if (parts.host.empty()) {
            parts.host = take(run_end(text_, at_, "/:?#"));
            parts.is_domain = true;
        }
        parts.port = port();
        if (next_is('/')) parts.path = take(run_end(text_, at_, "?#"));
        if (next_is('?')) parts.query = take(run_end(text_, at_ + 1, "#"));
        if (next_is('#')) parts.fragment = take(run_end(text_, at_ + 1, "#"));
        parts.rest = text_.substr(at_);
        return parts;
    }

private:
    bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

    std::string_view take(std::size_t end) {
        const std::size_t begin = std::exchange(at_, end);
        return text_.substr(begin, end - begin);
    }

    std::string_view scheme() {
        if (text_.empty() || !is_alpha(text_[0])) return {};
        const std::size_t end = while_end(text_, 1, [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; });
        if (end < 2 || text_.substr(end, 3) != "://") return {};
        const std::string_view name = take(end);
        at_ += 3;
        return name;
    }

    // The last "@" before the next "/" ends the user and the password: looks after the first colon, and if there is none, before it.
    void user_info(url_parts& parts) {
        const std::size_t colon = run_end(text_, at_, ":/");
        if (colon < text_.size() && text_[colon] == ':') {
            const std::string_view behind = text_.substr(colon + 1, run_end(text_, colon + 1, "/") - colon - 1);
            if (const std::size_t sign = behind.rfind('@'); sign != npos) {
                parts.user = take(colon);
                parts.password = behind.substr(0, sign);
                at_ = colon + 1 + sign + 1;
                return;
            }
        }
        const std::size_t sign = text_.substr(at_, colon - at_).rfind('@');
        if (sign == npos) return;
        parts.user = take(at_ + sign);
        ++at_;
    }

    std::string_view address() {
        const std::size_t end = next_is('[') ? ipv6_end() : ipv4_end();
        return end != npos && ends_host(text_, end) ? take(end) : std::string_view{};
    }

    std::size_t ipv4_end() const {
        std::size_t at = at_;
        for (int group = 0; group < 4; ++group) {
            if (group > 0 && (at == text_.size() || text_[at++] != '.')) return npos;
            const std::size_t end = while_end(text_, at, is_digit);
            if (end == at || end > at + 3) return npos;
            at = end;
        }
        return at;
    }

    std::size_t ipv6_end() const {
        const std::size_t colon = while_end(text_, at_ + 1, is_hex);
        if (colon == text_.size() || text_[colon] != ':') return npos;
        const std::size_t end = while_end(text_, colon + 1, [](char c) { return is_hex(c) || c == ':'; });
        if (end == colon + 1 || end == text_.size() || text_[end] != ']') return npos;
        return end + 1;
    }

    // A colon without digits is not a port and is not consumed.
    std::string_view port() {
        if (!next_is(':')) return {};
        const std::size_t end = while_end(text_, at_ + 1, is_digit);
        return end > at_ + 1 ? take(end).substr(1) : std::string_view{};
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

bool is_port_too_large(std::string_view port) {
    port.remove_prefix(std::min(port.find_first_not_of('0'), port.size()));
    return port.size() > 5 || (port.size() == 5 && port > "65535");
}

bool is_label_edge(char32_t c) { return c == U'_' || (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= 0x40000); }

bool is_valid_label(std::string_view label) {
    std::size_t length = 0;
    char32_t last = U'-';
    for (std::size_t at = 0; at < label.size(); ++length) {
        last = next_code_point(label, at);
        if (!is_label_edge(last) && (last != U'-' || length == 0)) return false;
    }
    return length <= longest_label && last != U'-';
}

// Calls `use` for each label of the domain, ignoring one final dot, until it returns false. Returns whether all calls were true.
template <class Function>
bool for_each_label(std::string_view domain, Function use) {
    if (domain.ends_with('.')) domain.remove_suffix(1);
    while (true) {
        const std::size_t dot = domain.find('.');
        if (!use(domain.substr(0, dot))) return false;
        if (dot == npos) return true;
        domain.remove_prefix(dot + 1);
    }
}

// Whether pydantic rebuilds the URL: it does unless the domain is an ASCII name with a top-level domain of letters.
bool is_rebuilt(std::string_view domain) {
    const auto plain = [](char c) { return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.'; };
    if (!std::all_of(domain.begin(), domain.end(), plain)) return true;
    if (domain.ends_with('.')) domain.remove_suffix(1);
    const std::size_t dot = domain.rfind('.');
    if (dot == npos) return true;
    const std::string_view top = domain.substr(dot + 1);
    return top.size() < 2 || !std::all_of(top.begin(), top.end(), is_alpha);
}

std::optional<std::string> punycode_of(std::string_view label) {
    if (std::all_of(label.begin(), label.end(), is_ascii)) return std::string(label);
    char* ascii = nullptr;
    const std::string input(label);
    if (idn2_to_ascii_8z(input.c_str(), &ascii, IDN2_TRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK) return std::nullopt;
    const std::unique_ptr<char, decltype(&idn2_free)> owner(ascii, &idn2_free);
    if (*ascii == '\0') return std::nullopt;
    return std::string(ascii);
}

std::optional<std::string> domain_to_ascii(std::string_view domain) {
    std::string out;
    const bool done = for_each_label(domain, [&](std::string_view label) {
        const auto ascii = punycode_of(label);
        if (!ascii) return false;
        if (!out.empty()) out += '.';
        out += *ascii;
        return true;
    });
    if (domain.ends_with('.')) out += '.';
    // IDNA has converted the full stops of other scripts to dots, which may have created empty labels.
    const bool whole = done && for_each_label(out, [](std::string_view label) { return !label.empty(); });
    return whole ? std::optional(std::move(out)) : std::nullopt;
}

std::string rebuild(const url_parts& parts, std::string_view host) {
    std::string out;
    const auto add = [&](std::string_view before, std::string_view part) { out.append(before).append(part); };
    add(parts.scheme, "://");
    add("", parts.user);
    if (!parts.password.empty()) add(":", parts.password);
    if (!parts.user.empty() || !parts.password.empty()) out += '@';
    add("", host);
    if (!parts.port.empty()) add(":", parts.port);
    add("", parts.path);
    if (parts.query.size() > 1) add("", parts.query);
    if (parts.fragment.size() > 1) add("", parts.fragment);
    return out;
}

std::optional<url_error> length_error(std::string_view text) {
    if (text.empty()) {
        return url_error{"ensure this value has at least 1 characters", "value_error.any_str.min_length", R"({"limit_value":1})"};
    }
    if (text.size() <= longest_url || utf8_length(text) <= longest_url) return std::nullopt;
    return url_error{"ensure this value has at most 65536 characters", "value_error.any_str.max_length", R"({"limit_value":65536})"};
}

url_error extra_error(std::string_view rest) {
    const auto shown = echo_of(rest);
    url_error out{"URL invalid, extra characters found after valid URL: " + python_string_repr(shown), "value_error.url.extra", {}};
    object_writer context(out.context);
    context.add("extra", std::string_view(shown));
    context.close();
    return out;
}

} // namespace

std::variant<std::string, url_error> parse_any_url(std::string_view text) {
    const url_error bad_host{"URL host invalid", "value_error.url.host", ""};
    text = python_strip(text);
    if (auto problem = length_error(text)) return *std::move(problem);
    const url_parts parts = url_scanner(text).scan();
    if (parts.scheme.empty()) return url_error{"invalid or missing URL scheme", "value_error.url.scheme", ""};
    if (is_port_too_large(parts.port)) {
        return url_error{"URL port invalid, port cannot exceed 65535", "value_error.url.port", ""};
    }
    if (!parts.rest.empty()) return extra_error(parts.rest);
    if (!parts.is_domain) return std::string(text);
    if (!for_each_label(parts.host, is_valid_label)) return bad_host;
    if (!is_rebuilt(parts.host)) return std::string(text);
    const auto host = domain_to_ascii(parts.host);
    if (!host) return bad_host;
    return rebuild(parts, *host);
}

} // namespace ctms::json
