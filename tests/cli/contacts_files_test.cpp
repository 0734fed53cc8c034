// SPDX-License-Identifier: MPL-2.0
// Files that ctms-admin writes where another account planted something, its output on a terminal, and CSV for spreadsheets.
#include <support/contacts_admin.hpp>
#include <support/files.hpp>
#include <support/pseudo_terminal.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

using namespace ctms::test;
namespace fs = std::filesystem;

namespace {

constexpr auto hostile_name = "J\u202ene\u009b2J\u2028x";

/// Adds a contact whose name and newsletter contain terminal control characters.
void add_hostile_contact(contacts_admin& run) {
    run.execute("insert into emails (email_id, primary_email, first_name, update_timestamp) values ('" + contact_id(1) +
                "', 'jane@example.com', '" + hostile_name +
                "', now());"
                "insert into newsletters (email_id, name, subscribed, update_timestamp) values ('" +
                contact_id(1) + "', E'hubs\\x1b]0;title\u202e', true, now())");
}

std::string in_terminal(contacts_admin& run, std::vector<std::string> words) {
    words.insert(words.begin(), CTMS_ADMIN);
    pseudo_terminal terminal(words, {"CTMS_DB_URL=" + run.url(), "NO_COLOR=1"}, 200);
    REQUIRE(terminal.wait() == 0);
    return terminal.output();
}

void check_harmless(const std::string& shown) {
    CAPTURE(shown);
    for (const auto* one : {"\u202e", "\u009b", "\u2028", "\x1b"}) CHECK(shown.find(one) == std::string::npos);
}

} // namespace

TEST_CASE("a dump replaces planted links and ignores planted modes") {
    contacts_admin run;
    add_hostile_contact(run);
    run.file("victim", "precious");
    for (const auto* name : {"dump", "dump.part"}) {
        CAPTURE(name);
        fs::create_symlink(run.path("victim"), run.path(name));
        CHECK(run({"contacts", "dump", "-o", run.path("dump")}).exit_code == 0);
        CHECK(run.content("victim") == "precious");
        CHECK(fs::is_regular_file(fs::symlink_status(run.path("dump"))));
        CHECK(mode_of(run.path("dump")) == 0600);
        CHECK(run.content("dump").find(contact_id(1)) != std::string::npos);
        fs::remove(run.path("dump"));
        fs::remove(run.path("dump.part"));
    }
    run.file("dump.part", "planted");
    REQUIRE(::chmod(run.path("dump.part").c_str(), 0666) == 0);
    CHECK(run({"contacts", "dump", "-o", run.path("dump")}).exit_code == 0);
    CHECK(mode_of(run.path("dump")) == 0600);
    CHECK(run.content("dump.part") == "planted");
}

// Not tested with devices such as /dev/null: replacing one by mistake would harm the whole machine.
TEST_CASE("a dump can be written to open descriptors") {
    contacts_admin run;
    add_hostile_contact(run);
    const auto printed = run({"contacts", "dump"}).out;
    CHECK(printed.find(contact_id(1)) != std::string::npos);
    for (const auto* name : {"/dev/fd/1", "/proc/self/fd/1"}) CHECK(run({"contacts", "dump", "-o", name}).out == printed);
    const auto full = run_program({"/bin/sh", "-c", std::string("exec '") + CTMS_ADMIN + "' contacts dump -o /dev/fd/1 > /dev/full"},
                                  {"CTMS_DB_URL=" + run.url()});
    CHECK(full.exit_code == 75);
    CHECK(full.err.find("/dev/fd/1 cannot be written: No space left on device") != std::string::npos);
}

TEST_CASE("the rejects file replaces planted links and ignores planted modes") {
    contacts_admin run;
    run.file("victim", "precious");
    const auto file = run.file("contacts.ndjson", "{no json\n");
    fs::create_symlink(run.path("victim"), run.path("rejects"));
    CHECK(run({"contacts", "import", file, "--rejects", run.path("rejects")}).exit_code == 65);
    CHECK(run.content("victim") == "precious");
    CHECK(run.content("rejects").find("\"original\":\"{no json\"") != std::string::npos);
    CHECK(mode_of(run.path("rejects")) == 0600);
    run.file("rejects", "older");
    REQUIRE(::chmod(run.path("rejects").c_str(), 0666) == 0);
    CHECK(run({"contacts", "import", file, "--rejects", run.path("rejects")}).exit_code == 65);
    CHECK(mode_of(run.path("rejects")) == 0600);
}

TEST_CASE("the rejects file of an import takes a name that is free") {
    contacts_admin run;
    const auto file = run.file("contacts.ndjson", "{no json\n");
    run.file("victim", "precious");
    fs::create_symlink(run.path("missing"), file + ".rejects.ndjson");
    run.file("contacts.ndjson.rejects.2.ndjson", "older");
    const auto done = run({"contacts", "import", file});
    CHECK(done.exit_code == 65);
    CHECK(done.err.find("contacts.ndjson.rejects.3.ndjson lists the rejected lines") != std::string::npos);
    CHECK(run.content("contacts.ndjson.rejects.3.ndjson").find("\"original\":\"{no json\"") != std::string::npos);
    CHECK(mode_of(file + ".rejects.3.ndjson") == 0600);
    CHECK_FALSE(fs::exists(run.path("missing")));
    CHECK(run.content("contacts.ndjson.rejects.2.ndjson") == "older");
    // Without a rejected line there is no file.
    CHECK(run({"contacts", "import", run.file("good.csv", "primary_email\njane@example.com\n")}).exit_code == 0);
    CHECK_FALSE(fs::exists(run.path("good.csv.rejects.ndjson")));
}

TEST_CASE("no command replaces its own input with its results") {
    contacts_admin run;
    const std::string contacts = "primary_email\njane@example.com\nx\n";
    const auto file = run.file("contacts.csv", contacts);
    fs::create_hard_link(file, run.path("other name"));
    const auto check = [&](const outcome& refused) {
        CHECK(refused.exit_code == 64);
        CHECK(refused.err.find("itself; nothing was done") != std::string::npos);
        CHECK(run.content("contacts.csv") == contacts);
    };
    for (const auto& name : {file, run.path("other name")}) {
        check(run({"contacts", "import", file, "--rejects", name}));
        check(run({"suppress", file, "--yes", "--skip-bad-lines", "--report", name}));
        for (const std::string command : {"contacts import - --rejects", "suppress - --yes --skip-bad-lines --report"}) {
            check(run_program({"/bin/sh", "-c", fmt::format("exec '{}' {} '{}' < '{}'", CTMS_ADMIN, command, name, file)},
                              {"CTMS_DB_URL=" + run.url()}));
        }
    }
    CHECK(run.count("emails") == "0");
}

TEST_CASE("a directory or a missing file as the body is an error") {
    contacts_admin run;
    for (const auto* file : {"@/", "@/nonexistent"}) CHECK(run({"request", "POST", "/ctms", file}).exit_code == 66);
}

TEST_CASE("stored control characters are escaped on a terminal and unchanged in a pipe") {
    contacts_admin run;
    add_hostile_contact(run);
    const auto shown = in_terminal(run, {"contacts", "show", contact_id(1)});
    check_harmless(shown);
    CHECK(shown.find("J\\u{202e}ne\\u{9b}2J\\u{2028}x") != std::string::npos);
    CHECK(shown.find("hubs\\x1b]0;title\\u{202e}") != std::string::npos);
    for (const std::vector<std::string>& words : {std::vector<std::string>{"contacts", "dump"},
                                                  {"contacts", "export", contact_id(1)},
                                                  {"--json", "contacts", "show", contact_id(1)}}) {
        const auto dumped = in_terminal(run, words);
        check_harmless(dumped);
        CHECK(dumped.find("J\\u202ene\\u009b2J\\u2028x") != std::string::npos);
        auto piped = run(words).out;
        CHECK(piped.find(hostile_name) != std::string::npos);
    }
    check_harmless(in_terminal(run, {"contacts", "dump", "--csv"}));
    CHECK(run({"contacts", "dump", "--csv"}).out.find(hostile_name) != std::string::npos);
    // Messages and tables are meant for people, so they are escaped everywhere.
    check_harmless(run({"contacts", "show", contact_id(1)}).out);
    check_harmless(run({"contacts", "import", std::string("/none/") + hostile_name}).err);
    check_harmless(run({std::string("no") + hostile_name}).err);
}

TEST_CASE("a CSV dump of formulas is harmless in a spreadsheet and imports to the same contacts") {
    contacts_admin from;
    const std::vector<std::string> hostile{"=1+1",        "=cmd|'' /C calc''!A0",
                                           "+49 30 1234", "-5",
                                           "@SUM(1)",     "''",
                                           "''=x",        "''''-x",
                                           "''tis",       "\uff1dA1",
                                           "a;=b",        "a;''=b",
                                           "\t=x",        "x\n=y",
                                           "\r\n+a\"",    "plain"};
    int number = 0;
    for (const auto& text : hostile) {
        ++number;
        from.execute("insert into emails (email_id, primary_email, first_name, last_name, mailing_country, update_timestamp) values ('" +
                     contact_id(number) + "', '" + (number % 2 == 0 ? "+" : "=") + std::to_string(number) + "@example.com', '" + text +
                     "', '" + text +
                     "', 'de', now());"
                     "insert into newsletters (email_id, name, subscribed, update_timestamp) values ('" +
                     contact_id(number) + "', '-news', true, now()), ('" + contact_id(number) + "', '''=hubs', true, now())");
    }
    contacts_admin to;
    REQUIRE(from({"contacts", "dump", "--csv", "-o", to.path("dump.csv")}).exit_code == 0);
    const auto imported = to({"contacts", "import", "--exact", to.path("dump.csv")});
    CAPTURE(imported.err);
    CAPTURE(to.content("dump.csv.rejects.ndjson"));
    CHECK(imported.exit_code == 0);
    const auto query = "select concat_ws('|', e.email_id, primary_email, first_name, last_name, (select string_agg(name, '/' order by name)"
                       " from newsletters n where n.email_id = e.email_id)) from emails e order by e.email_id";
    CHECK(to.count("emails") == std::to_string(hostile.size()));
    CHECK(to.select(query) == from.select(query));
    const auto csv = to.content("dump.csv");
    for (const auto* formula : {",=", ",+", ",-", ",@", "\"=", "\"+", ";=", ";-", "\n=", "\n-"}) {
        CAPTURE(formula);
        CHECK(csv.find(formula) == std::string::npos);
    }
    CHECK(csv.find(",'+49 30 1234,") != std::string::npos);
    // Address lists are read by the same rules.
    CHECK(to({"suppress", "--yes", "--json", to.path("dump.csv")}).out.find("\"not_found\":0") != std::string::npos);
}
