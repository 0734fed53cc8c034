// SPDX-License-Identifier: MPL-2.0
// Starts a program and waits for it, without fork, which is safe in a process with threads. The program inherits no signal
// handling and only the descriptors and environment variables named here. Throws std::system_error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

struct command {
    std::vector<std::string> arguments; ///< the first is the program: a path, or a name to look for in PATH
    int log = -1;                       ///< the descriptor that the program prints to; -1: nowhere
    int descriptor_3 = -1;              ///< becomes the program's descriptor 3
};

/// The exit status, or 128 + signal.
int run_and_wait(const command& what);

/// Runs a program. Returns what it printed, at most 64 KiB, or nullopt if its status was not 0.
[[nodiscard]] std::optional<std::string> output_of(std::vector<std::string> arguments);

/// Looks for an executable in PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view name);

} // namespace ctms::persistence
