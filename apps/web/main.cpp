// SPDX-License-Identifier: MPL-2.0
// ctms-web: serves the API. See --help and docs/configuration.md.
#include "program.hpp"

#include <ctms/base/version.hpp>
#include <support/exit_codes.hpp>
#include <support/start.hpp>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <iostream>

namespace {

using namespace ctms;
namespace options = boost::program_options;

options::options_description command_line() {
    options::options_description out("Options");
    // clang-format off
    out.add_options()
        ("embedded", "use a PostgreSQL of its own, in CTMS_DATA_DIR (default ./ctms-data)")
        ("print-config", "print the settings in force, without secrets, and exit")
        ("check-config", "check the settings and exit")
        ("version", "print the version and exit")
        ("help,h", "print this text and exit");
    // clang-format on
    return out;
}

void print_help(const options::options_description& description) {
    std::cout << "Usage: ctms-web [--embedded]\n"
                 "Serves the CTMS API over HTTP. Settings come from the environment.\n\n"
              << description << "\nSettings (NAME_FILE reads NAME from a file):\n";
    for (const auto& one : config::all_settings()) fmt::print("  {:<44} {} [{}]\n", one.name, one.description, one.default_text);
    std::cout << "\nExample: PORT=8000 ctms-web --embedded\n";
}

int fail(const error& failure) {
    fmt::print(stderr, "ctms-web: {}{}{}\n", failure.message, failure.detail.empty() ? "" : ": ", failure.detail);
    return failure.code == errc::invalid ? support::configuration : support::to_exit_code(failure.code);
}

int report_mistakes(const std::vector<std::string>& mistakes) {
    fmt::print(stderr, "ctms-web: the configuration has {} mistake{}:\n", mistakes.size(), mistakes.size() == 1 ? "" : "s");
    for (const auto& mistake : mistakes) fmt::print(stderr, "  {}\n", mistake);
    return support::configuration;
}

int serve(config::settings settings) {
    const auto log = support::make_logger(settings);
    for (const auto& notice : settings.notices) log->log(mozlog::severity::info, "ctms.web", notice);
    const auto embedded = support::prepare_database(settings);
    if (!embedded) return fail(embedded.error());
    if (const auto schema = support::prepare_schema(settings); !schema) return fail(schema.error());
    web::program program(settings, *log);
    const auto port = program.listen();
    if (!port) return fail(port.error());
    program.stop_on_signals();
    mozlog::fields where;
    where.add("host", settings.host).add("port", static_cast<int>(*port)).add("version", version());
    log->log(mozlog::severity::info, "ctms.web.server", where, "Listening");
    program.run();
    log->log(mozlog::severity::info, "ctms.web.server", "Stopped");
    return support::ok;
}

int run(int argc, char** argv) {
    const auto description = command_line();
    options::variables_map given;
    try {
        options::store(options::command_line_parser(argc, argv).options(description).run(), given);
    } catch (const options::error& problem) {
        fmt::print(stderr, "ctms-web: {}; see ctms-web --help\n", problem.what());
        return support::usage;
    }
    if (given.contains("help")) return print_help(description), support::ok;
    if (given.contains("version")) return fmt::print("ctms-web {} {}\n", version(), commit()), support::ok;
    const auto read = config::read(config::program::web, given.contains("embedded"), config::process_environment());
    if (!read.mistakes.empty()) return report_mistakes(read.mistakes);
    if (given.contains("print-config")) return fmt::print("{}", config::print(read.values)), support::ok;
    if (given.contains("check-config")) return fmt::print("The configuration is good.\n"), support::ok;
    return serve(read.values);
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "ctms-web: {}\n", problem.what());
        return support::internal;
    }
}
