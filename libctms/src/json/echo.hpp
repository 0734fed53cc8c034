// SPDX-License-Identifier: MPL-2.0
// Limits how much of the input an error quotes. Thread safe; throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctms::json {

/// The most characters of the input that an error quotes.
inline constexpr std::size_t longest_echo = 200;

/// The text, or its first `longest_echo` characters and "..." if it is longer. Takes and returns valid UTF-8.
[[nodiscard]] std::string echo_of(std::string_view text);

/// At most `longest_echo` characters around the byte `at`, with no mark for what is cut off. Takes and returns valid UTF-8.
[[nodiscard]] std::string_view echo_around(std::string_view text, std::size_t at) noexcept;

} // namespace ctms::json
