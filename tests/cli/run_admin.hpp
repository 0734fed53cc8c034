// SPDX-License-Identifier: MPL-2.0
// Runs programs and captures their output.
#pragma once

#include <string>
#include <vector>

namespace ctms::test {

struct outcome {
    int exit_code = -1; ///< -1 if a signal ended it
    std::string out;
    std::string err;
};

/// Runs a program to its end, without a terminal and with empty standard input. `environment`: "NAME=value", added to PATH.
/// Throws std::runtime_error when it cannot be started.
[[nodiscard]] outcome run_program(const std::vector<std::string>& words, const std::vector<std::string>& environment = {});

/// Runs ctms-admin.
[[nodiscard]] outcome run_admin(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {});

} // namespace ctms::test
