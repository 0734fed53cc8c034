// SPDX-License-Identifier: MPL-2.0
// ctms-admin: administers CTMS. See --help.
#include "command.hpp"

#include <support/exit_codes.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return ctms::cli::run({argv + 1, argv + argc}, ctms::config::process_environment());
    } catch (const std::exception& problem) {
        fmt::print(stderr, "ctms-admin: {}\n", problem.what());
        return ctms::support::internal;
    }
}
