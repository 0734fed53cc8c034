// SPDX-License-Identifier: MPL-2.0
// Prints the help, made from the command table.
#pragma once

#include <string_view>

namespace ctms::cli {

/// Prints the help of all commands, of a group, or of one command to standard output.
void print_help(std::string_view group, std::string_view name);

} // namespace ctms::cli
