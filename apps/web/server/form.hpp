// SPDX-License-Identifier: MPL-2.0
// Decodes names and values as browsers and HTTP clients encode them: percent-encoding, query strings, forms.
// As lenient as the Python service (Starlette): invalid escapes stay unchanged, and bytes that are not valid UTF-8 become U+FFFD.
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
    /// The last value with this name; nullopt if there is none.
    [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }

private:
    std::vector<std::pair<std::string, std::string>> pairs_;
};

/// Decodes %XX, and '+' as a blank if `plus_is_blank`. The result is valid UTF-8.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_blank);

/// Percent-encodes everything except unreserved characters (RFC 3986) and '/'.
[[nodiscard]] std::string percent_encode_path(std::string_view text);

/// The maximum number of fields of a form, or of named parts of a multipart body (the same limit as in the Python service).
inline constexpr std::size_t most_fields = 1000;

/// Parses `a=1&b=2`, as in a query string. Keeps empty values; ignores everything after the first `most_fields` fields.
[[nodiscard]] form_values parse_urlencoded(std::string_view text);

/// Does the same for an application/x-www-form-urlencoded body; nullopt if it has more than `most_fields` fields.
[[nodiscard]] std::optional<form_values> parse_form(std::string_view body);

/// Parses multipart/form-data (RFC 7578) into the names and contents of its parts, skipping parts without a name. nullopt if
/// `content_type` has no boundary of at most 70 characters (RFC 2046), the body does not match it, or too many parts have a name.
[[nodiscard]] std::optional<form_values> parse_multipart(std::string_view content_type, std::string_view body);

/// The media type of a Content-Type header without its parameters, in lower case and trimmed.
[[nodiscard]] std::string media_type(std::string_view content_type);

/// Whether a request with these headers, whose names are in lower case, has a body of lines of JSON (application/x-ndjson).
[[nodiscard]] bool has_lines(const std::vector<std::pair<std::string, std::string>>& headers);

} // namespace ctms::web
