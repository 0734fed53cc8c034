// SPDX-License-Identifier: MPL-2.0
// What the query parameters of several calls have in common. Pure functions. Private to this layer.
#pragma once

#include "error_list.hpp"
#include "scalars.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace ctms::json {

/// Returns the text as a JSON string.
[[nodiscard]] node text_node(const std::string& text);

/// Reads a parameter that may be empty; if it is invalid, reports the errors of both branches.
template <class Value, class Read>
std::optional<Value> read_or_blank(const std::optional<std::string>& given, error_list& errors, Read read) {
    constexpr std::array<std::string_view, 1> blank{""};
    if (!given || given->empty()) return std::nullopt;
    auto value = read(*given);
    if (!value) add_not_permitted(text_node(*given), blank, errors);
    return value;
}

/// Reads `limit`, which may be blank; returns nullopt if it is, or if the text is invalid, whose errors it adds. A number that does not fit
/// gives a value beyond the limit.
[[nodiscard]] std::optional<int> read_limit(const std::optional<std::string>& given, error_list& errors);

/// Returns an error if a limit is not 1 to 1000.
[[nodiscard]] std::optional<error> check_limit(int limit);

/// Returns the error of one parameter, with its bare name as location.
[[nodiscard]] error out_of_range(std::string_view name, std::string message);

} // namespace ctms::json
