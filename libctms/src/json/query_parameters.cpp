// SPDX-License-Identifier: MPL-2.0
#include "query_parameters.hpp"

#include "python_text.hpp"

#include <fmt/core.h>

#include <charconv>

namespace ctms::json {
namespace {

constexpr int most_per_page = 1000;

/// Python's int() of a string, but without underscores; a number that does not fit gives a value beyond the limit.
std::optional<int> read_number(const std::string& text, error_list& errors) {
    auto digits = python_strip(text);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
        errors.add("value is not a valid integer", "type_error.integer");
        return std::nullopt;
    }
    int value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc{}) value = most_per_page + 1;
    return negative ? -value : value;
}

} // namespace

node text_node(const std::string& text) {
    node out;
    out.type = kind::string;
    out.text = text;
    return out;
}

std::optional<int> read_limit(const std::optional<std::string>& given, error_list& errors) {
    return read_or_blank<int>(given, errors, [&](const auto& text) { return read_number(text, errors); });
}

std::optional<error> check_limit(int limit) {
    if (limit < 1) return out_of_range("limit", "\"limit\" should be greater than 0");
    if (limit > most_per_page) return out_of_range("limit", fmt::format("\"limit\" should be less than or equal to {}", most_per_page));
    return std::nullopt;
}

error out_of_range(std::string_view name, std::string message) {
    return invalid_fields({{{std::string(name)}, std::move(message), "value_error", {}}});
}

} // namespace ctms::json
