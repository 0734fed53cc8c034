// SPDX-License-Identifier: MPL-2.0
// What tells people and shells how to call the program, made from the command table.
#pragma once

#include <string_view>

namespace ctms::cli {

/// The whole help, or that of a group, or of one command, to standard output.
void print_help(std::string_view group, std::string_view name);

} // namespace ctms::cli
