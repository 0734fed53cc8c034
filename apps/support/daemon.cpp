// SPDX-License-Identifier: MPL-2.0
#include "daemon.hpp"

#include "exit_codes.hpp"
#include "standard_streams.hpp"
#include "start.hpp"
#include "stop_signals.hpp"

#include <ctms/base/printable.hpp>
#include <ctms/base/version.hpp>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

#include <malloc.h>

namespace ctms::support {
namespace {

namespace options = boost::program_options;

options::options_description command_line(const daemon& program) {
    options::options_description out("Options");
    auto add = out.add_options();
    add("embedded", "use the embedded PostgreSQL, in CTMS_DATA_DIR (default ./ctms-data)");
    for (const auto& one : program.flags) add(one.name, one.text);
    add("print-config", "print the current settings, without secrets, and exit");
    add("check-config", "check the settings and exit");
    add("version", "print the version and exit");
    add("help,h", "print this text and exit");
    return out;
}

void print_help(const daemon& program, const options::options_description& description) {
    std::cout << "Usage: " << program.name << ' ' << program.synopsis << '\n'
              << program.purpose << " Settings come from the environment.\n\n"
              << description << "\nSettings (NAME_FILE reads NAME from a file):\n";
    for (const auto& one : config::all_settings()) fmt::print("  {:<44} {} [{}]\n", one.name, one.description, one.default_text);
    std::cout << "\nExample: " << program.example << '\n';
}

int report_mistakes(const char* program, const std::vector<std::string>& mistakes) {
    print_to_stderr(fmt::format("{}: the configuration has {}:\n", program, counted(mistakes.size(), "mistake")));
    for (const auto& mistake : mistakes) print_to_stderr(fmt::format("  {}\n", printable_lines(mistake)));
    return configuration;
}

/// Makes malloc return memory to the system after a burst of large messages: it maps large blocks individually and keeps the rest
/// in few arenas (mallopt(3)). Fixed thresholds also keep glibc from raising them. An arena keeps the memory of the rows of a page of 1,000
/// contacts for the next page, because new memory takes time.
void return_memory_early() {
    constexpr int mapped_from = 256 * 1024;
    constexpr int kept_free = 4 * 1024 * 1024;
    constexpr int most_arenas = 4;
    mallopt(M_MMAP_THRESHOLD, mapped_from);
    mallopt(M_TRIM_THRESHOLD, kept_free);
    mallopt(M_ARENA_MAX, most_arenas);
}

int run_daemon(const daemon& program, int argc, char** argv, const std::function<int(config::settings, const given_flags&)>& run,
               const std::function<std::optional<int>(const given_flags&)>& before_settings) {
    const auto description = command_line(program);
    options::variables_map values;
    try {
        options::store(options::command_line_parser(argc, argv).options(description).run(), values);
    } catch (const options::error& problem) {
        print_to_stderr(fmt::format("{}: {}; see {} --help\n", program.name, printable_lines(problem.what()), program.name));
        return usage;
    }
    given_flags given;
    for (const auto& [name, value] : values) given.insert(name);
    if (given.contains("help")) return print_help(program, description), ok;
    if (given.contains("version")) return fmt::print("{} {} {}\n", program.name, version(), commit()), ok;
    if (before_settings) {
        if (const auto code = before_settings(given)) return *code;
    }
    const auto read = config::read(program.who, given.contains("embedded"), config::process_environment());
    if (!read.mistakes.empty()) return report_mistakes(program.name, read.mistakes);
    if (given.contains("print-config")) return fmt::print("{}", config::print(read.values)), ok;
    if (given.contains("check-config")) return fmt::print("The configuration is valid.\n"), ok;
    try {
        return run(read.values, given);
    } catch (const std::exception& problem) {
        report_to_sentry(read.values, program.name, problem);
        throw;
    }
}

} // namespace

int daemon_main(const daemon& program, int argc, char** argv, const std::function<int(config::settings, const given_flags&)>& run,
                const std::function<std::optional<int>(const given_flags&)>& before_settings) {
    open_standard_streams();
    ignore_stray_signals();
    return_memory_early();
    try {
        return check_output(program.name, run_daemon(program, argc, argv, run, before_settings));
    } catch (const std::exception& problem) {
        return report_exception(program.name, problem);
    }
}

int report_failure(const char* program, const error& failure) {
    print_to_stderr(fmt::format("{}: {}{}{}\n", program, printable_lines(failure.message), failure.detail.empty() ? "" : ": ",
                                printable_lines(failure.detail)));
    return failure.code == errc::invalid ? configuration : to_exit_code(failure.code);
}

} // namespace ctms::support
