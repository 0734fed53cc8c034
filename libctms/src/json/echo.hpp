// SPDX-License-Identifier: MPL-2.0
// What an error quotes of the input: short, whatever was sent. Thread safe; throws only std::bad_alloc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ctms::json {

/// Characters of the input that an error quotes.
inline constexpr std::size_t longest_echo = 200;

/// The text, or its first `longest_echo` characters and "..." where it is longer. Of valid UTF-8, which it stays.
[[nodiscard]] std::string echo_of(std::string_view text);

/// At most `longest_echo` characters around the byte `at`, without anything in place of the rest. Of valid UTF-8, which it stays.
[[nodiscard]] std::string_view echo_around(std::string_view text, std::size_t at) noexcept;

} // namespace ctms::json
