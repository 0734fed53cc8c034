// SPDX-License-Identifier: MPL-2.0
// Printing: messages and tables for people, in which untrusted text cannot control the terminal (ctms/base/printable.hpp);
// JSON and rows for programs, unchanged except on a terminal; confirmation questions. Use these functions instead of fmt::print
// for anything that may contain text from outside the program.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::cli {

/// Whether standard output is a terminal and NO_COLOR (https://no-color.org) is not set.
[[nodiscard]] bool has_colors();
/// `text` in bold if has_colors(), otherwise unchanged.
[[nodiscard]] std::string bold(std::string_view text);

/// Prints "ctms-admin: TEXT" on standard error, as printable lines.
void complain_text(std::string_view text);
/// Formats a text and does the same.
template <class... Values>
void complain(fmt::format_string<Values...> how, Values&&... values) {
    complain_text(fmt::format(how, std::forward<Values>(values)...));
}

/// Prints a text for people and a line feed on standard output, as printable lines.
void print_text(std::string_view text);

/// Prints JSON and a line feed. On a terminal, replaces control characters with JSON escapes.
void print_json(std::string json);

/// Prepares lines for programs (JSON if `is_json`) for standard output: unchanged, or with control characters escaped on a terminal.
[[nodiscard]] std::string for_output(std::string text, bool is_json);

/// Prints a header and rows. Each column is as wide as its widest cell; cells are made printable.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

/// Asks on the terminal and returns true for y or yes. Returns false if standard input is not a terminal.
[[nodiscard]] bool confirm(std::string_view question);

/// Quotes `text` for a POSIX shell with single quotes.
[[nodiscard]] std::string shell_quote(std::string_view text);

} // namespace ctms::cli
