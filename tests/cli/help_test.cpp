// SPDX-License-Identifier: MPL-2.0
// What is generated from the command table: help, usage errors, completion, the manual page.
#include "run_admin.hpp"

#include <command.hpp>
#include <ctms/json/schema.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace ctms::test;

namespace {

std::vector<std::string> words_of(const ctms::cli::command& one) {
    std::vector<std::string> out{std::string(one.group)};
    if (!one.name.empty()) out.emplace_back(one.name);
    return out;
}

/// A file with the output of a call.
class printed {
public:
    explicit printed(const std::vector<std::string>& call) {
        const auto made = run_admin(call);
        REQUIRE(made.exit_code == 0);
        std::ofstream(path(), std::ios::binary) << made.out;
    }
    [[nodiscard]] std::string path() const { return (directory_.path() / "printed").string(); }

private:
    temporary_directory directory_;
};

/// The completions that bash offers after these words.
std::vector<std::string> completions(const printed& script, const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) line += fmt::format(" '{}'", word);
    const auto run = run_program({"/bin/bash", "--norc", "-c",
                                  fmt::format("source '{}'; COMP_WORDS=(ctms-admin{}); COMP_CWORD={}; _ctms_admin; "
                                              "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                                              script.path(), line, words.size())});
    CHECK(run.exit_code == 0);
    CHECK(run.err.empty());
    std::vector<std::string> out;
    std::istringstream lines(run.out);
    for (std::string each; std::getline(lines, each);) {
        if (!each.empty()) out.push_back(each);
    }
    return out;
}

bool offers(const std::vector<std::string>& list, const std::string& word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

} // namespace

TEST_CASE("the help of every command contains an example and its options") {
    for (const auto& one : ctms::cli::all_commands()) {
        auto call = words_of(one);
        CAPTURE(call.back());
        call.emplace_back("--help");
        const auto help = run_admin(call);
        CHECK(help.exit_code == 0);
        CHECK(help.err.empty());
        CHECK(help.out.find(fmt::format("example: ctms-admin {}\n", one.example)) != std::string::npos);
        for (const auto& each : one.options) {
            const std::string_view name(each.name);
            CHECK(help.out.find(fmt::format("--{}", name.substr(0, name.find(',')))) != std::string::npos);
        }
    }
}

TEST_CASE("the help of import lists the columns of a CSV, and the manual has them too") {
    const auto help = run_admin({"contacts", "import", "--help"}).out;
    const auto manual = run_admin({"manual"}).out;
    std::set<std::string> names{"newsletters", "waitlists"};
    for (const auto& column : ctms::json::contact_columns()) {
        if (!column.output_only) names.insert(column.name + (column.required ? "*" : ""));
    }
    CHECK(names.contains("primary_email*"));
    CHECK(names.contains("fxa_primary_email"));
    for (const auto& text : {help, manual}) {
        const auto begin = text.find('\n', text.find("columns of a CSV"));
        const auto end = text.find("newsletters and waitlists are names");
        REQUIRE(begin < end);
        std::istringstream words(text.substr(begin, end - begin));
        CHECK(std::set<std::string>(std::istream_iterator<std::string>(words), {}) == names);
    }
    std::istringstream lines(help.substr(help.find("columns of a CSV")));
    for (std::string line; std::getline(lines, line) && line.find("example:") == std::string::npos;) CHECK(line.size() <= 106);
}

TEST_CASE("a wrong call of any command is a usage error that refers to its help") {
    for (const auto& one : ctms::cli::all_commands()) {
        if (one.passes_arguments_on) continue;
        auto call = words_of(one);
        CAPTURE(call.back());
        call.emplace_back("--no-such-option");
        const auto wrong = run_admin(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.out.empty());
        CHECK(wrong.err.find(fmt::format("see ctms-admin {} --help", one.group)) != std::string::npos);
    }
    for (const auto& call : std::vector<std::vector<std::string>>{{"sync"}, {"sync", "unknown"}, {"syncc"}})
        CHECK(run_admin(call).exit_code == 64);
}

TEST_CASE("bash completes groups, names, options and files") {
    const printed script({"completion", "bash"});
    CHECK(run_program({"/bin/bash", "-n", script.path()}).exit_code == 0);
    const auto groups = completions(script, {""});
    for (const std::string each : {"clients", "sync", "token", "request", "top", "audit", "--json", "--help"}) CHECK(offers(groups, each));
    CHECK(completions(script, {"sy"}) == std::vector<std::string>{"sync"});
    CHECK(offers(completions(script, {"sync", ""}), "resync"));
    CHECK(completions(script, {"--embedded", "sync", "res"}) == std::vector<std::string>{"resync"});
    CHECK(completions(script, {"sync", "resync", "--new"}) == std::vector<std::string>{"--newsletter"});
    CHECK(offers(completions(script, {"token", "--"}), "--expires-in"));
    CHECK(offers(completions(script, {"token", "basket", "--"}), "--expires-in"));
    CHECK(offers(completions(script, {"stripe", "ingest", "/et"}), "/etc"));
    CHECK_FALSE(offers(completions(script, {"clients", "list", "/et"}), "/etc"));
    CHECK(completions(script, {"nonsense", "--y"}).empty());
}

TEST_CASE("zsh accepts its completion script") {
    const printed script({"completion", "zsh"});
    REQUIRE_MESSAGE(std::filesystem::exists("/bin/zsh"), "this test needs zsh");
    CHECK(run_program({"/bin/zsh", "-n", script.path()}).exit_code == 0);
}

TEST_CASE("the zsh completion script names all commands, and an unknown shell is refused") {
    const auto script = run_admin({"completion", "zsh"}).out;
    CHECK(script.starts_with("#compdef ctms-admin\n"));
    for (const auto& one : ctms::cli::all_commands())
        CHECK(script.find(fmt::format("\"{}{}{}\")", one.group, one.name.empty() ? "" : " ", one.name)) != std::string::npos);
    CHECK(run_admin({"completion", "fish"}).exit_code == 64);
    CHECK(run_admin({"completion"}).exit_code == 64);
}

TEST_CASE("the manual page can be displayed and shows every command") {
    const printed page({"manual"});
    // Runs man without a pager and as plain text; troff prints its warnings to standard error.
    const auto shown = run_program({"/bin/bash", "-o", "pipefail", "-c", fmt::format("man -l --warnings=w '{}' | col -b", page.path())},
                                   {"MANWIDTH=200", "LC_ALL=C.UTF-8", "MANPAGER=cat", "TERM=dumb"});
    CHECK(shown.exit_code == 0); // 127 if man or col is missing
    CHECK(shown.err == "");
    REQUIRE_FALSE(ctms::cli::all_commands().empty());
    for (const auto& one : ctms::cli::all_commands()) {
        CAPTURE(one.example);
        CHECK(shown.out.find(fmt::format("ctms-admin {}", one.example)) != std::string::npos);
    }
}

TEST_CASE("the output with --json is JSON") {
    test_database database;
    const std::vector<std::string> environment{"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::admin),
                                               "CTMS_SECRET_KEY=key"};
    for (const auto& call : std::vector<std::vector<std::string>>{{"migrate", "--plan"},
                                                                  {"migrate", "--check"},
                                                                  {"migrate"},
                                                                  {"clients", "create", "a", "-e", "a@example.com"},
                                                                  {"clients", "list"},
                                                                  {"clients", "show", "a"},
                                                                  {"clients", "disable", "a"},
                                                                  {"clients", "enable", "a"},
                                                                  {"clients", "rotate-secret", "a"},
                                                                  {"token", "a"},
                                                                  {"clients", "delete", "a", "--yes"},
                                                                  {"stripe", "ingest", "/dev/null"},
                                                                  {"stripe", "queue", "/dev/null"},
                                                                  {"sync", "status"},
                                                                  {"sync", "parked"},
                                                                  {"sync", "retry", "--all"},
                                                                  {"sync", "forget", "--all", "--yes"},
                                                                  {"sync", "resync", "--all", "--yes"},
                                                                  {"sync", "resync", "--all", "--dry-run"},
                                                                  {"top", "--url", "http://127.0.0.1:1"},
                                                                  {"db", "status"},
                                                                  {"db", "url"},
                                                                  {"audit"}}) {
        auto words = call;
        words.emplace_back("--json");
        const auto run = run_admin(words, environment);
        CAPTURE(fmt::format("{}", fmt::join(call, " ")));
        CAPTURE(run.out);
        boost::json::error_code wrong;
        boost::json::parse(run.out, wrong);
        CHECK_FALSE(wrong);
    }
}
