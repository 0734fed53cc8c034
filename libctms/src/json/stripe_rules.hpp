// SPDX-License-Identifier: MPL-2.0
// The rules for the values of Stripe objects, whether they are read from JSON or set by a program. Pure functions, thread safe.
#pragma once

#include <ctms/base/result.hpp>
#include <ctms/base/utf8.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace ctms::json {

/// The error for an object that breaks a rule. `detail` says which one, without the value, which may be personal data.
[[nodiscard]] inline error bad_stripe_object(std::string detail) { return invalid("Unable to process Stripe object.", std::move(detail)); }

} // namespace ctms::json

namespace ctms::json::stripe_rules {

inline constexpr double last_second = 253'402'300'799.0; // of the year 9999

inline constexpr std::array<std::string_view, 4> intervals{"day", "week", "month", "year"};
inline constexpr std::array<std::string_view, 7> subscription_states{"incomplete", "incomplete_expired", "trialing", "active",
                                                                     "past_due",   "canceled",           "unpaid"};
inline constexpr std::array<std::string_view, 6> invoice_states{"draft", "open", "paid", "uncollectable", "uncollectible", "void"};
inline constexpr std::array<std::string_view, 2> line_types{"subscription", "invoiceitem"};

/// Returns what is wrong with an id, or "".
[[nodiscard]] inline std::string_view problem_of_id(std::string_view id) {
    if (id.empty()) return "empty";
    if (!is_valid_utf8(id)) return "not valid UTF-8";
    if (id.find('\0') != std::string_view::npos) return "contains a NUL character";
    constexpr std::size_t width_of_column = 255;
    return utf8_length(id) > width_of_column ? "longer than 255 characters" : "";
}

[[nodiscard]] constexpr bool is_one_of(const auto& choices, std::string_view word) {
    return std::find(choices.begin(), choices.end(), word) != choices.end();
}

/// Whether it is a currency code in lower case.
[[nodiscard]] constexpr bool is_currency(std::string_view code) {
    return code.size() == 3 && std::all_of(code.begin(), code.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

} // namespace ctms::json::stripe_rules
