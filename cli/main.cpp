// SPDX-License-Identifier: MPL-2.0
// ctms-admin: administers CTMS. See --help. Under the name of a script of the Python service, or with that name as the first argument, it
// takes the arguments of that script.
#include "command.hpp"

#include <support/standard_streams.hpp>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    ctms::support::open_standard_streams();
    try {
        std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
        const auto getenv = ctms::config::process_environment();
        auto program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : std::string();
        if (!arguments.empty() && ctms::cli::is_script(arguments.front())) {
            program = arguments.front();
            arguments.erase(arguments.begin());
        }
        const auto code = ctms::cli::run_script(program, arguments, getenv);
        return ctms::support::check_output("ctms-admin", code ? *code : ctms::cli::run(arguments, getenv));
    } catch (const std::exception& problem) {
        return ctms::support::report_exception("ctms-admin", problem);
    }
}
