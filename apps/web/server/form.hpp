// SPDX-License-Identifier: MPL-2.0
// Names and values as browsers and HTTP clients encode them: percent-encoding, query strings, forms.
// Lenient like the reference (Starlette): what is wrongly encoded stays as it is, bytes that are not UTF-8 become U+FFFD.
// Pure functions, thread safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::web {

class form_values {
public:
    void add(std::string name, std::string value) { pairs_.emplace_back(std::move(name), std::move(value)); }
    /// The last value of that name; nullopt without one.
    [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

/// Decodes %XX; with `plus_is_blank` also '+'. The outcome is valid UTF-8.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_blank);

/// Encodes everything but unreserved characters (RFC 3986) and '/'.
[[nodiscard]] std::string percent_encode_path(std::string_view text);

/// Fields of one form, or parts with a name of one multipart body, that are read (the reference's own limit).
inline constexpr std::size_t most_fields = 1000;

/// `a=1&b=2`, as in a query. Blank values are kept; what comes after the first `most_fields` is left out.
[[nodiscard]] form_values parse_urlencoded(std::string_view text);

/// The same of an application/x-www-form-urlencoded body; nullopt when it has more than `most_fields` fields.
[[nodiscard]] std::optional<form_values> parse_form(std::string_view body);

/// multipart/form-data (RFC 7578): the parts' names and contents. nullopt when `content_type` has no boundary of at most 70
/// characters (RFC 2046), the body does not match it, or there are more than `most_fields` parts with a name; others are passed over.
[[nodiscard]] std::optional<form_values> parse_multipart(std::string_view content_type, std::string_view body);

/// The type of a Content-Type header without parameters, in lower case and trimmed.
[[nodiscard]] std::string media_type(std::string_view content_type);

} // namespace ctms::web
