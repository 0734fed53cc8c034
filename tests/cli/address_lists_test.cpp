// SPDX-License-Identifier: MPL-2.0
// Runs every command that takes a list of addresses on each file of address_lists/.
#include <support/contacts_admin.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

using namespace ctms::test;
namespace fs = std::filesystem;

namespace {

struct expectation {
    std::vector<std::string> options;
    int exit_code = -1;
    std::vector<std::string> said;
    std::vector<std::string> addresses;
};

expectation read_expectation(const fs::path& file) {
    expectation out;
    std::istringstream in(content(file.string()));
    for (std::string line; std::getline(in, line);) {
        const auto blank = line.find(' ');
        const auto name = line.substr(0, blank);
        const auto value = line.substr(blank + 1);
        if (name == "options") {
            std::istringstream words(value);
            for (std::string word; words >> word;) out.options.push_back(word);
        } else if (name == "exit") {
            out.exit_code = std::stoi(value);
        } else if (name == "says") {
            out.said.push_back(value);
        } else if (name == "bad") {
            out.said.push_back(fmt::format("line {}: ", value));
        } else {
            REQUIRE(name == "address");
            out.addresses.push_back(value);
        }
    }
    return out;
}

std::vector<fs::path> all_files() {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(CTMS_ADDRESS_LISTS)) {
        if (entry.path().extension() == ".expected") out.push_back(entry.path().parent_path() / entry.path().stem());
    }
    std::sort(out.begin(), out.end());
    return out;
}

/// The addresses of a report that the command worked on, in order.
std::vector<std::string> reported(const std::string& report) {
    std::vector<std::string> out;
    std::istringstream in(report);
    for (std::string line; std::getline(in, line);) {
        const auto one = boost::json::parse(line).as_object();
        const auto outcome = one.at("outcome").as_string();
        if (outcome == "skipped" || outcome == "repeated") continue;
        CHECK(outcome != "not_found");
        out.emplace_back(one.at("primary_email").as_string());
    }
    return out;
}

void add_contacts(contacts_admin& run, const std::vector<fs::path>& files) {
    std::set<std::string> addresses;
    for (const auto& file : files) {
        for (const auto& one : read_expectation(file.string() + ".expected").addresses) {
            auto quoted = one;
            for (auto at = quoted.find('\''); at != std::string::npos; at = quoted.find('\'', at + 2)) quoted.insert(at, "'");
            addresses.insert(quoted);
        }
    }
    int number = 0;
    for (const auto& one : addresses)
        run.execute(fmt::format("insert into emails (email_id, primary_email, update_timestamp) values ('{}', '{}', now())",
                                contact_id(++number), one));
    run.execute("delete from ctms_sync_queue");
}

} // namespace

TEST_CASE("each command reads the files of people and vendors, or stops before it does anything") {
    const auto files = all_files();
    REQUIRE(files.size() >= 60);
    contacts_admin run;
    add_contacts(run, files);
    const auto before = run.everything();
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"suppress"}, {"contacts", "delete-bulk"}, {"sync", "resync", "--emails"}}) {
        for (const auto& file : files) {
            CAPTURE(command.front());
            CAPTURE(file.filename().string());
            const auto expected = read_expectation(file.string() + ".expected");
            auto words = command;
            words.push_back(file.string());
            words.insert(words.end(), expected.options.begin(), expected.options.end());
            for (const auto& word : {std::string("--dry-run"), std::string("--report"), run.path("report")}) words.push_back(word);
            const auto done = run(words);
            CAPTURE(done.err);
            CHECK(done.exit_code == expected.exit_code);
            for (const auto& text : expected.said) CHECK(done.err.find(text) != std::string::npos);
            CHECK(done.err.find("@example") == std::string::npos);
            const bool worked = fs::exists(run.path("report"));
            CHECK(worked == (expected.exit_code == 0 || !expected.addresses.empty()));
            if (worked) {
                CHECK(mode_of(run.path("report")) == 0600);
                CHECK(reported(run.content("report")) == expected.addresses);
                fs::remove(run.path("report"));
            }
        }
    }
    CHECK(run.everything() == before);
    CHECK(run.count("ctms_sync_queue") == "0");
}

TEST_CASE("a list from a pipe is read like a file") {
    contacts_admin run;
    run.execute("insert into emails (email_id, primary_email, update_timestamp) values ('" + contact_id(1) +
                "', 'jane@example.com', now())");
    const auto file = run.file("list", "name,email\nJane,Jane@example.com\n");
    const auto pipe = [&](const std::string& command) {
        return run_program(
            {"/bin/sh", "-c",
             fmt::format("cat '{}' | exec '{}' --json {} --yes --report '{}'", file, CTMS_ADMIN, command, run.path("report"))},
            {"CTMS_DB_URL=" + run.url()});
    };
    const auto done = pipe("suppress -");
    CHECK(done.exit_code == 0);
    CHECK(done.out == "{\"addresses\":1,\"suppressed\":1,\"already\":0,\"not_found\":0,\"other_case\":1,\"repeated\":0,\"skipped\":0}\n");
    CHECK(run.content("report") ==
          "{\"line\":2,\"primary_email\":\"Jane@example.com\",\"outcome\":\"suppressed\",\"contacts\":1,\"other_case\":1}\n");
    CHECK(pipe("contacts delete-bulk /dev/stdin").exit_code == 0);
    CHECK(run.count("emails") == "0");
    CHECK(pipe("sync resync --emails -").exit_code == 67);
}

TEST_CASE("an empty pipe is a failure of the program before it, not an empty list") {
    contacts_admin run;
    for (const std::vector<std::string>& command : {std::vector<std::string>{"suppress", "-", "--yes"},
                                                    {"contacts", "delete-bulk", "-", "--yes"},
                                                    {"sync", "resync", "--emails", "-", "--yes"},
                                                    {"contacts", "import", "-"},
                                                    {"contacts", "import", "-", "--format", "csv"}}) {
        CAPTURE(command.front());
        const auto refused = run(command); // standard input is empty
        CHECK(refused.exit_code == 65);
        CHECK(refused.out.empty());
        CHECK(refused.err.find("standard input is empty; nothing was done") != std::string::npos);
    }
}

TEST_CASE("an address in another Unicode form finds the contact") {
    contacts_admin run;
    run.execute("insert into emails (email_id, primary_email, update_timestamp) values ('" + contact_id(1) +
                "', 'J\u00f6rg@example.com', now()), ('" + contact_id(2) + "', 'jo\u0308rg@example.com', now())");
    const auto done = run({"suppress", run.file("list", "jo\u0308rg@example.com\n"), "--yes", "--json"});
    CHECK(done.exit_code == 0);
    CHECK(done.out == "{\"addresses\":1,\"suppressed\":2,\"already\":0,\"not_found\":0,\"other_case\":1,\"repeated\":0,\"skipped\":0}\n");
}
