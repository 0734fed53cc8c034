// SPDX-License-Identifier: MPL-2.0
// Printing: messages and tables for people, in which text from strangers cannot command a terminal (ctms/base/printable.hpp);
// JSON and rows for programs, exact except on a terminal; questions before what cannot be undone. Use these, not fmt::print,
// for whatever holds more than words and numbers of our own.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ctms::cli {

/// True when standard output is a terminal that takes colours: NO_COLOR (https://no-color.org) is heeded.
[[nodiscard]] bool has_colors();
/// `text` in bold on such a terminal, else as it is.
[[nodiscard]] std::string bold(std::string_view text);

/// Prints "ctms-admin: TEXT" on standard error, as printable lines.
void complain_text(std::string_view text);
/// The same, formatted.
template <class... Values>
void complain(fmt::format_string<Values...> how, Values&&... values) {
    complain_text(fmt::format(how, std::forward<Values>(values)...));
}

/// Prints a text for people and a line feed on standard output, as printable lines.
void print_text(std::string_view text);

/// Prints JSON and a line feed: as it is, or on a terminal with JSON escapes for what should not reach it.
void print_json(std::string json);

/// Standard output's form of lines for programs (`is_json`: JSON): exact, or on a terminal with escapes.
[[nodiscard]] std::string for_output(std::string text, bool is_json);

/// Prints rows under a header, columns as wide as their widest cell; cells are made printable.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

/// Asks on the terminal; true for y or yes. False without a terminal to ask on.
[[nodiscard]] bool confirm(std::string_view question);

/// `text` in single quotes for a POSIX shell.
[[nodiscard]] std::string shell_quote(std::string_view text);

} // namespace ctms::cli
