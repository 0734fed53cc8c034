// SPDX-License-Identifier: MPL-2.0
// What is generated from the command table: help, usage errors, completion, the manual page.
#include "run_admin.hpp"

#include <command.hpp>
#include <ctms/base/version.hpp>
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
std::vector<std::string> completions(const printed& script, const std::vector<std::string>& words,
                                     const std::vector<std::string>& environment = {}) {
    std::string line;
    for (const auto& word : words) line += fmt::format(" '{}'", word);
    const auto run = run_program({"/bin/bash", "--norc", "-c",
                                  fmt::format("source '{}'; COMP_WORDS=('{}'{}); COMP_CWORD={}; _ctms_admin; "
                                              "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                                              script.path(), CTMS_ADMIN, line, words.size())},
                                 environment);
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

TEST_CASE("help, version, manual and completion are JSON for machines") {
    namespace json = boost::json;
    const auto version = json::parse(run_admin({"--version", "--json"}).out).as_object();
    CHECK(version.at("version").as_string() == json::string_view(ctms::version().data(), ctms::version().size()));
    const auto all = json::parse(run_admin({"help", "--json"}).out).as_array();
    CHECK(all.size() == ctms::cli::all_commands().size());
    CHECK(json::parse(run_admin({"manual", "--json"}).out) == json::value(all));
    const auto create = json::parse(run_admin({"clients", "create", "--help", "--json"}).out).as_array();
    REQUIRE(create.size() == 1);
    CHECK(create[0].at("command") == "clients create");
    CHECK(create[0].at("operands") == "NAME");
    CHECK(create[0].at("options").as_array().front().at("name") == "--email");
    CHECK(create[0].at("options").as_array().front().at("required") == true);
    const auto completion = json::parse(run_admin({"completion", "bash", "--json"}).out).as_object();
    CHECK(completion.at("script").as_string() == run_admin({"completion", "bash"}).out);
    const auto psql = run_admin({"--json", "db", "psql", "-c", "select 1"});
    CHECK(psql.exit_code == 64);
    CHECK(psql.err.find("--json") != std::string::npos);
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

TEST_CASE("fish completes groups, commands, options and files") {
    const printed script({"completion", "fish"});
    REQUIRE_MESSAGE(std::filesystem::exists("/usr/bin/fish"), "this test needs fish");
    const auto folder = std::filesystem::path(CTMS_ADMIN).parent_path().string();
    const auto offered = [&](const std::string& line) {
        const auto done = run_program({"/usr/bin/fish", "--no-config", "-c",
                                       fmt::format("set -gx PATH {} $PATH; source {}; complete -C '{}'", folder, script.path(), line)},
                                      {"HOME=/nonexistent"});
        CAPTURE(done.err);
        CHECK(done.exit_code == 0);
        std::vector<std::string> out;
        std::istringstream lines(done.out);
        for (std::string one; std::getline(lines, one);) out.push_back(one.substr(0, one.find('\t')));
        return out;
    };
    CHECK(offers(offered("ctms-admin "), "contacts"));
    CHECK(offered("ctms-admin sy") == std::vector<std::string>{"sync"});
    CHECK(offered("ctms-admin --embedded sync res") == std::vector<std::string>{"resync"});
    CHECK(offered("ctms-admin sync resync --new") == std::vector<std::string>{"--newsletter"});
    CHECK(offers(offered("ctms-admin stripe ingest /et"), "/etc/"));
    CHECK_FALSE(offers(offered("ctms-admin clients list /et"), "/etc/"));
    CHECK(offered("ctms-admin nonsense --y").empty());
}

TEST_CASE("zsh accepts its completion script") {
    const printed script({"completion", "zsh"});
    REQUIRE_MESSAGE(std::filesystem::exists("/bin/zsh"), "this test needs zsh");
    CHECK(run_program({"/bin/zsh", "-n", script.path()}).exit_code == 0);
}

TEST_CASE("every command and option is completed, and an unknown shell is refused") {
    const auto offered = [](std::vector<std::string> words) {
        words.insert(words.begin(), {"complete", "--"});
        std::istringstream in(run_admin(words).out);
        std::vector<std::string> out;
        for (std::string line; std::getline(in, line);) out.push_back(line);
        return out;
    };
    for (const auto& one : ctms::cli::all_commands()) {
        CAPTURE(one.example);
        auto words = words_of(one);
        CHECK(offered({words.front().substr(0, 2)}) != std::vector<std::string>());
        if (words.size() > 1) CHECK(offers(offered({words[0], ""}), words[1]));
        words.emplace_back("-");
        for (const auto& each : one.options) {
            const std::string_view name(each.name);
            CHECK(offers(offered(words), fmt::format("--{}", name.substr(0, name.find(',')))));
        }
    }
    CHECK(run_admin({"completion", "zsh"}).out.starts_with("#compdef ctms-admin\n"));
    CHECK(run_admin({"completion", "fish"}).out.find("complete -c ctms-admin") != std::string::npos);
    CHECK(run_admin({"completion", "tcsh"}).exit_code == 64);
    CHECK(run_admin({"completion"}).exit_code == 64);
}

TEST_CASE("values are completed from the database") {
    test_database database;
    const std::vector<std::string> environment{"CTMS_DB_URL=" + database.url()};
    REQUIRE(run_admin({"clients", "create", "basket", "-e", "a@example.com"}, environment).exit_code == 0);
    REQUIRE(run_admin({"newsletter-mappings", "add", "my-news:sub_my_news"}, environment).exit_code == 0);
    const printed script({"completion", "bash"});
    using words = std::vector<std::string>;
    CHECK(completions(script, {"clients", "show", ""}, environment) == words{"id_basket"});
    CHECK(completions(script, {"request", "GET", "/ctms", "--client", "id"}, environment) == words{"id_basket"});
    CHECK(completions(script, {"clients", "create", ""}, environment).empty());
    CHECK(offers(completions(script, {"sync", "resync", "--newsletter", ""}, environment), "my-news"));
    CHECK(completions(script, {"newsletter-mappings", "remove", "my"}, environment) == words{"my-news"});
    CHECK(offers(completions(script, {"acoustic-fields", "list", "-t", ""}, environment), "main"));
    CHECK(completions(script, {"clients", "set-roles", "x", "--role", "up"}, environment) == words{"updates"});
    CHECK(offers(completions(script, {"sync", "resync", "--emails", "/et"}, environment), "/etc"));
    // Without a database, nothing is offered and nothing is printed.
    CHECK(completions(script, {"clients", "show", ""}, {"CTMS_DB_URL=postgresql://127.0.0.1:1/none"}).empty());
    CHECK(completions(script, {"clients", "show", ""}).empty());
}

TEST_CASE("help is a command, groups alone show their commands, and slips of the hand get a suggestion") {
    CHECK(run_admin({"help"}).out == run_admin({"--help"}).out);
    CHECK(run_admin({"help", "clients"}).out == run_admin({"clients", "--help"}).out);
    CHECK(run_admin({"help", "clients", "create"}).out == run_admin({"clients", "create", "--help"}).out);
    const auto group = run_admin({"contacts"});
    CHECK(group.exit_code == 64);
    for (const std::string each : {"contacts show", "contacts delete-bulk", "contacts import"})
        CHECK(group.err.find("  " + each) != std::string::npos);
    CHECK(run_admin({"contact"}).err.find("did you mean 'contacts'?") != std::string::npos);
    CHECK(run_admin({"contacts", "improt"}).err.find("did you mean 'import'?") != std::string::npos);
    CHECK(run_admin({"contacts", "import", "x", "--dryrun"}).err.find("did you mean '--dry-run'?") != std::string::npos);
    CHECK(run_admin({"help", "supress"}).err.find("did you mean 'suppress'?") != std::string::npos);
    CHECK(run_admin({"xyzzy"}).err.find("did you mean") == std::string::npos);
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
                                                                  {"clients", "set-email", "a", "b@example.com"},
                                                                  {"clients", "set-roles", "a", "--role", "read"},
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
