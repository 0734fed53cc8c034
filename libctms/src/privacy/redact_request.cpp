// SPDX-License-Identifier: MPL-2.0
// Decides what to log of a request. A client may send a secret or an address anywhere and in any encoding, so a value is
// omitted if it might contain one.
#include "privacy/secrets.hpp"

#include <ctms/base/utf8.hpp>
#include <ctms/privacy/redact.hpp>

#include <algorithm>
#include <array>

namespace ctms::privacy {
namespace {

constexpr auto npos = std::string_view::npos;

/// The first position of one of a few characters. Faster than find_first_of, which matters as each request is searched several times.
std::size_t first_of(std::string_view text, std::string_view characters) {
    auto out = npos;
    for (const char c : characters) out = std::min(out, text.substr(0, out).find(c));
    return out;
}

/// Whether the text contains an address that is not traced.
bool holds_address(std::string_view text) { return holds_at_sign(text) && redact_text(text) != text; }

/// What a text may contain that must not be logged.
struct suspicion {
    bool of_secret = false; ///< or of an unexpected character
    bool of_address = false;

    [[nodiscard]] bool any() const { return of_secret || of_address; }
};

suspicion suspicion_of(std::string_view text, std::string_view not_expected) {
    const auto of_secret = [&](std::string_view decoded) { return first_of(decoded, not_expected) != npos || tells_secret(decoded); };
    if (text.find('%') == npos) return {of_secret(text), holds_address(text)};
    const auto decoded = fully_decoded(text);
    if (!decoded) return {true, true};
    return {of_secret(*decoded), holds_address(text) || holds_address(*decoded)};
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string whole_or_omitted(std::string_view text, std::string_view not_expected) {
    return std::string(suspicion_of(text, not_expected).any() ? omitted : text);
}

/// True if a header's value may be a URL or part of one.
bool is_url(std::string_view value) { return value.starts_with('/') || value.find("://") != npos; }

} // namespace

std::string redact_name(std::string_view name) {
    constexpr std::size_t longest = 64;
    const auto is_part = [](char c) {
        const bool is_alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return is_alphanumeric || c == '-' || c == '_' || static_cast<unsigned char>(c) >= 0x80 ||
               std::string_view(".[]:$").find(c) != npos;
    };
    const bool is_name = !name.empty() && name.size() <= longest && std::all_of(name.begin(), name.end(), is_part);
    return std::string(is_name && !holds_address(name) ? name : omitted);
}

std::string redact_header(std::string_view name, std::string_view value) {
    if (names_secret(name)) return std::string(omitted);
    const auto end = first_of(value, is_url(value) ? "?#" : "?");
    const auto before = value.substr(0, end);
    const auto found = suspicion_of(before, "?");
    if (found.of_secret) return std::string(omitted);
    // Addresses in plain text are removed. In a URL it is not clear where an address begins, so all of it is omitted.
    if (found.of_address && (is_url(before) || suspicion_of(redact_text(before), "?").any())) return std::string(omitted);
    if (end == npos) return redact_text(value);
    return redact_text(before) + value[end] + std::string(omitted);
}

std::string redact_query_value(std::string_view name, std::string_view value) {
    // Names in the API that look like secrets but are not.
    const bool is_known = is_one_of(name, {"email_id", "basket_token", "mofo_email_id"});
    if (!is_known) {
        const auto decoded = fully_decoded(name);
        if (!decoded || names_secret(*decoded)) return std::string(omitted);
    }
    return whole_or_omitted(value, "?");
}

std::string redact_path_value(std::string_view name, std::string_view value) {
    if (name == "primary_email" && !is_traced(value)) return std::string(omitted);
    return whole_or_omitted(value, "?#;=");
}

std::string redact_path(std::string_view path, std::string_view known) {
    if (!path.starts_with(known)) known = {};
    const auto rest = path.substr(known.size());
    const bool may_follow_secret = rest.size() > 1 && names_secret(known); // "/token/" and something
    if (!may_follow_secret && !suspicion_of(rest, "?#;=").any()) return std::string(path);
    return std::string(known) + '/' + std::string(omitted);
}

} // namespace ctms::privacy
