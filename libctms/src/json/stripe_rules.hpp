// SPDX-License-Identifier: MPL-2.0
// The rules for the values of Stripe objects, whether they are read from JSON or set by a program. Pure functions, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/utf8.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::json {

/// The error for an object that breaks a rule. `detail` says which one, without the value, which may be personal data.
[[nodiscard]] inline error bad_stripe_object(std::string detail) { return invalid("Unable to process Stripe object.", std::move(detail)); }

} // namespace ctms::json

namespace ctms::json::stripe_rules {

inline constexpr double last_second = 253'402'300'799.0; // of the year 9999

/// A member whose values Stripe lists. Values that are not in the list of this version are stored too, if they fit into their column.
struct choice {
    std::span<const std::string_view> known; ///< the values of the versions from 2020-08-27 to 2026-11-18
    std::size_t width;                       ///< of the column
    bool may_be_empty = false;               ///< whether Stripe may leave it out
};

inline constexpr std::array<std::string_view, 4> known_intervals{"day", "week", "month", "year"};
inline constexpr std::array<std::string_view, 8> known_subscription_states{"incomplete", "incomplete_expired", "trialing", "active",
                                                                           "past_due",   "canceled",           "unpaid",   "paused"};
inline constexpr std::array<std::string_view, 6> known_invoice_states{"draft", "open", "paid", "uncollectable", "uncollectible", "void"};
inline constexpr std::array<std::string_view, 2> known_line_types{"subscription", "invoiceitem"};

inline constexpr choice interval{known_intervals, 5};
inline constexpr choice subscription_status{known_subscription_states, 20};
inline constexpr choice invoice_status{known_invoice_states, 15, true};
inline constexpr choice line_type{known_line_types, 14, true};

/// Returns what is wrong with a text for a column of this width, or "".
[[nodiscard]] inline std::string problem_of_text(std::string_view text, std::size_t width) {
    if (!is_valid_utf8(text)) return "not valid UTF-8";
    if (text.find('\0') != std::string_view::npos) return "contains a NUL character";
    return utf8_length(text) > width ? fmt::format("longer than {} characters", width) : std::string();
}

/// Returns what is wrong with an id, or "".
[[nodiscard]] inline std::string problem_of_id(std::string_view id) {
    constexpr std::size_t width_of_column = 255;
    return id.empty() ? "empty" : problem_of_text(id, width_of_column);
}

/// Returns what is wrong with the value of such a member, or "".
[[nodiscard]] inline std::string problem_of_choice(std::string_view word, const choice& of) {
    return word.empty() && !of.may_be_empty ? "empty" : problem_of_text(word, of.width);
}

[[nodiscard]] constexpr bool is_known(std::string_view word, const choice& of) {
    return std::find(of.known.begin(), of.known.end(), word) != of.known.end();
}

/// Whether it is a currency code in lower case.
[[nodiscard]] constexpr bool is_currency(std::string_view code) {
    return code.size() == 3 && std::all_of(code.begin(), code.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

} // namespace ctms::json::stripe_rules
