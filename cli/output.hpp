// SPDX-License-Identifier: MPL-2.0
// Printing for people: tables with aligned columns, and questions before what cannot be undone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// True when standard output is a terminal that takes colours: NO_COLOR (https://no-color.org) is heeded.
[[nodiscard]] bool has_colors();
/// `text` in bold on such a terminal, else as it is.
[[nodiscard]] std::string bold(std::string_view text);

/// Prints rows under a header, columns as wide as their widest cell.
void print_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

/// Asks on the terminal; true for y or yes. False without a terminal to ask on.
[[nodiscard]] bool confirm(std::string_view question);

/// `text` in single quotes for a POSIX shell.
[[nodiscard]] std::string shell_quote(std::string_view text);

} // namespace ctms::cli
