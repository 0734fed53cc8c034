// SPDX-License-Identifier: MPL-2.0
// Starting a program and waiting for it, without fork: safe in a process with threads. The program gets no signal
// handling, no descriptors and no environment of ours but what is named. Throws std::system_error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctms::persistence {

struct command {
    std::vector<std::string> arguments; ///< the first is the program: a path, or a name to be found in PATH
    int log = -1;                       ///< a descriptor for what the program prints; -1: nowhere
    int descriptor_3 = -1;              ///< becomes the program's descriptor 3
};

/// The exit status, or 128 + signal.
int run_and_wait(const command& what);

/// Looks for an executable in PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view name);

} // namespace ctms::persistence
