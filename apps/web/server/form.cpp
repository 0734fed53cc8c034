// SPDX-License-Identifier: MPL-2.0
#include "form.hpp"

#include <ctms/base/utf8.hpp>

#include <algorithm>

namespace ctms::web {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Replaces each byte that is not valid UTF-8 with U+FFFD.
std::string to_valid_utf8(std::string text) {
    if (is_valid_utf8(text)) return text;
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t length = 1;
        while (length < 4 && at + length < text.size() && !is_valid_utf8(std::string_view(text).substr(at, length))) ++length;
        const auto piece = std::string_view(text).substr(at, length);
        if (is_valid_utf8(piece)) {
            out += piece;
            at += length;
        } else {
            append_utf8(out, 0xFFFD);
            ++at;
        }
    }
    return out;
}

/// The value of a parameter of a header field: `name="value"` or `name=value`. Reads each byte a bounded number of times for any
/// input: a name ends before the next semicolon, and trailing blanks are trimmed once.
std::optional<std::string> parameter_of(std::string_view header, std::string_view name) {
    header = trim(header);
    for (auto semicolon = header.find(';'); semicolon != std::string_view::npos;) {
        const auto rest = header.substr(semicolon + 1);
        const auto next = header.find(';', semicolon + 1);
        const auto pair = header.substr(semicolon + 1, std::min(next, header.size()) - semicolon - 1);
        semicolon = next;
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos || !ascii_iequal(trim(pair.substr(0, equals)), name)) continue;
        const auto value = trim(rest.substr(equals + 1));
        if (!value.starts_with('"')) return std::string(trim(pair.substr(equals + 1)));
        const auto end = value.find('"', 1);
        return end == std::string_view::npos ? std::nullopt : std::optional(std::string(value.substr(1, end - 1)));
    }
    return std::nullopt;
}

std::optional<std::string> part_name(std::string_view part_headers) {
    while (!part_headers.empty()) {
        const auto end = std::min(part_headers.find("\r\n"), part_headers.size());
        const auto line = part_headers.substr(0, end);
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && ascii_iequal(trim(line.substr(0, colon)), "content-disposition")) {
            return parameter_of(line.substr(colon + 1), "name");
        }
        part_headers.remove_prefix(std::min(end + 2, part_headers.size()));
    }
    return std::nullopt;
}

} // namespace

std::optional<std::string> form_values::find(std::string_view name) const {
    const auto found = std::find_if(pairs_.rbegin(), pairs_.rend(), [&](const auto& pair) { return pair.first == name; });
    return found == pairs_.rend() ? std::nullopt : std::optional(found->second);
}

std::string percent_decode(std::string_view text, bool plus_is_blank) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        const int high = text[at] == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            at += 2;
        } else {
            out += plus_is_blank && text[at] == '+' ? ' ' : text[at];
        }
    }
    return to_valid_utf8(std::move(out));
}

std::string percent_encode_path(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    std::string out;
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += digits[byte / 16U];
        out += digits[byte % 16U];
    }
    return out;
}

form_values parse_urlencoded(std::string_view text) {
    form_values out;
    while (!text.empty() && out.pairs().size() < most_fields) {
        const auto end = std::min(text.find('&'), text.size());
        const auto pair = text.substr(0, end);
        const auto equals = std::min(pair.find('='), pair.size());
        if (!pair.empty()) {
            const auto value = equals < pair.size() ? pair.substr(equals + 1) : std::string_view();
            out.add(percent_decode(pair.substr(0, equals), true), percent_decode(value, true));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::optional<form_values> parse_form(std::string_view body) {
    const auto fields = std::count(body.begin(), body.end(), '&') + 1;
    return static_cast<std::size_t>(fields) > most_fields ? std::nullopt : std::optional(parse_urlencoded(body));
}

std::optional<form_values> parse_multipart(std::string_view content_type, std::string_view body) {
    constexpr std::size_t longest_boundary = 70; // RFC 2046, 5.1.1; also bounds the search for it
    const auto boundary = parameter_of(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > longest_boundary) return std::nullopt;
    const std::string delimiter = "--" + *boundary;
    form_values out;
    auto start = body.find(delimiter);
    if (start == std::string_view::npos) return std::nullopt;
    while (true) {
        const auto rest = body.substr(start + delimiter.size());
        if (rest.starts_with("--")) return out;
        const auto headers_end = rest.find("\r\n\r\n");
        const auto part_end = rest.find("\r\n" + delimiter);
        if (!rest.starts_with("\r\n") || headers_end == std::string_view::npos || part_end == std::string_view::npos ||
            part_end < headers_end) {
            return std::nullopt;
        }
        const auto content = headers_end + 4;
        if (part_end < content) return std::nullopt;
        const auto headers = headers_end == 0 ? std::string_view() : rest.substr(2, headers_end - 2); // a part may have no headers
        if (auto name = part_name(headers)) {
            if (out.pairs().size() == most_fields) return std::nullopt;
            out.add(to_valid_utf8(std::move(*name)), to_valid_utf8(std::string(rest.substr(content, part_end - content))));
        }
        start += delimiter.size() + part_end + 2;
    }
}

std::string media_type(std::string_view content_type) { return ascii_lower(trim(content_type.substr(0, content_type.find(';')))); }

bool has_lines(const std::vector<std::pair<std::string, std::string>>& headers) {
    const auto is_type = [](const auto& header) { return header.first == "content-type"; };
    const auto last = std::find_if(headers.rbegin(), headers.rend(), is_type);
    return last != headers.rend() && media_type(last->second) == "application/x-ndjson";
}

} // namespace ctms::web
