// SPDX-License-Identifier: MPL-2.0
// fake-acoustic runs the fake email vendor as a program, to try ctms-sync without a vendor account and for benchmarks.
// See --help.
#include <support/exit_codes.hpp>
#include <support/fake_acoustic_faults.hpp>

#include <boost/program_options.hpp>
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <iostream>

namespace {

using namespace ctms;
namespace options = boost::program_options;

options::options_description command_line() {
    const test::fake_acoustic_options standard;
    options::options_description out("Options");
    // clang-format off
    out.add_options()
        ("port", options::value<std::uint16_t>()->default_value(8025), "the loopback port to listen on; 0 picks a free port")
        ("tls", "use HTTPS; the second line of output names the certificate file to trust")
        ("latency-ms", options::value<int>()->default_value(0), "how long each call takes")
        ("max-at-once", options::value<int>()->default_value(standard.most_at_once), "calls allowed in progress; more are refused")
        ("token-life-s", options::value<int>()->default_value(int(standard.token_life.count())), "how long a token is valid")
        ("exchange", options::value<std::string>()->default_value("", ""), "the folder of the file server, with `upload` and `download`, for ImportList")
        ("job-ms", options::value<int>()->default_value(0), "how long each job takes")
        ("log", "print a line for each call, without addresses")
        ("fault", options::value<std::vector<std::string>>()->default_value({}, ""), "a fault to inject, see below; repeatable")
        ("help,h", "print this text and exit");
    // clang-format on
    return out;
}

void print_help(const options::options_description& description) {
    const test::fake_acoustic_options standard;
    std::cout << "Usage: fake-acoustic [OPTION]...\n"
                 "Fakes the XML API of Acoustic Campaign, on the loopback interface and in memory, until SIGTERM.\n\n"
              << description << "\nFaults. " << test::fault_help()
              << fmt::format("\nCredentials: client {}, secret {}, refresh token {}. Tables: {} main, {} newsletters, {} products.\n",
                             standard.client_id, standard.client_secret, standard.refresh_token, standard.main_table_id,
                             standard.newsletter_table_id, standard.product_table_id)
              << "\nGET /state     counts, as JSON; /state?full=1 with all rows\n"
                 "POST /control  a form with fault=FAULT (repeatable), clear_faults=1, latency_ms=N, job_ms=N, forget_tokens=1,\n"
                 "               down=SECONDS (closes all connections and refuses new ones for that long)\n"
                 "\nExample: fake-acoustic --latency-ms 100 --fault status=500,times=3\n";
}

std::chrono::milliseconds to_time(std::string_view option, int number) {
    if (number < 0) throw std::invalid_argument(fmt::format("{} must not be negative", option));
    return std::chrono::milliseconds(number);
}

test::fake_acoustic_options to_options(const options::variables_map& given) {
    test::fake_acoustic_options out;
    out.port = given["port"].as<std::uint16_t>();
    out.tls = given.contains("tls");
    out.latency = to_time("--latency-ms", given["latency-ms"].as<int>());
    out.most_at_once = given["max-at-once"].as<int>();
    out.token_life = std::chrono::seconds(given["token-life-s"].as<int>());
    out.exchange = given["exchange"].as<std::string>();
    out.job_time = to_time("--job-ms", given["job-ms"].as<int>());
    if (given.contains("log")) {
        out.log = [](std::string_view line) {
            fmt::print("{}\n", line);
            std::fflush(stdout);
        };
    }
    return out;
}

int serve(const options::variables_map& given, const sigset_t& ends) {
    std::vector<test::fake_fault> faults;
    for (const auto& text : given["fault"].as<std::vector<std::string>>()) faults.push_back(test::parse_fault(text));
    test::fake_acoustic server(to_options(given));
    for (auto& fault : faults) server.add_fault(std::move(fault));
    fmt::print("Listening on {}\n", server.url());
    if (given.contains("tls")) fmt::print("Certificate in {}\n", server.ca_file());
    std::fflush(stdout);
    int signal = 0;
    sigwait(&ends, &signal);
    return support::ok;
}

int run(int argc, char** argv) {
    sigset_t ends; // blocked before the server's thread starts, because the thread inherits the mask
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    const auto description = command_line();
    try {
        options::variables_map given;
        options::store(options::command_line_parser(argc, argv).options(description).run(), given);
        if (given.contains("help")) return print_help(description), support::ok;
        return serve(given, ends);
    } catch (const options::error& problem) {
        fmt::print(stderr, "fake-acoustic: {}; see fake-acoustic --help\n", problem.what());
    } catch (const std::invalid_argument& problem) {
        fmt::print(stderr, "fake-acoustic: {}; see fake-acoustic --help\n", problem.what());
    }
    return support::usage;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& problem) {
        fmt::print(stderr, "fake-acoustic: {}\n", problem.what());
        return support::internal;
    }
}
