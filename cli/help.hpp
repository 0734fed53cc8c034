// SPDX-License-Identifier: MPL-2.0
// Prints the help, made from the command table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ctms::cli {

/// Prints the help of all commands, of a group, or of one command to standard output.
void print_help(std::string_view group, std::string_view name);

/// Prints the same commands as a JSON list of objects: command, operands, summary, example, options.
void print_help_json(std::string_view group, std::string_view name);

/// The groups, in the order of the table.
[[nodiscard]] std::vector<std::string> group_names();
/// The names of the commands in a group; empty if the group is a single command, or does not exist.
[[nodiscard]] std::vector<std::string> command_names(std::string_view group);

} // namespace ctms::cli
