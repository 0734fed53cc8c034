// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <ctms/base/version.hpp>

#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

using namespace ctms::test;
namespace persistence = ctms::persistence;

TEST_CASE("help shows every command with an example") {
    for (const std::string flag : {"--help", "-h"}) {
        const auto help = run_admin({flag});
        CHECK(help.exit_code == 0);
        CHECK(help.err.empty());
        for (const std::string command : {"migrate [--plan] [--check]",
                                          "clients create NAME --email ADDRESS [--disabled]",
                                          "clients list",
                                          "clients show NAME",
                                          "clients enable NAME",
                                          "clients disable NAME",
                                          "clients rotate-secret NAME [--keep-old DURATION]",
                                          "clients set-roles NAME [--role ROLE]... [--all]",
                                          "clients set-rules NAME --require-if-match true|false",
                                          "clients set-limit NAME [--rate NUMBER/s|min|h] [--burst NUMBER] [--concurrency NUMBER] [--none]",
                                          "clients delete NAME [--yes]",
                                          "acoustic-fields add FIELD [--tablename TABLE]",
                                          "newsletter-mappings add SOURCE:DESTINATION [--replace]",
                                          "stripe ingest FILE...",
                                          "stripe queue FILE...",
                                          "stripe parked [NUMBER]",
                                          "db url",
                                          "db psql",
                                          "db dump",
                                          "db status"}) {
            CAPTURE(command);
            const auto at = help.out.find("\n  " + command);
            CHECK(at != std::string::npos);
            CHECK(help.out.find("example: ctms-admin ", at) != std::string::npos);
        }
    }
    const auto group = run_admin({"clients", "--help"});
    CHECK(group.exit_code == 0);
    CHECK(group.out.find("clients rotate-secret") != std::string::npos);
    CHECK(group.out.find("db status") == std::string::npos);
}

TEST_CASE("the version is printed") {
    const auto version = run_admin({"--version"});
    CHECK(version.exit_code == 0);
    CHECK(version.out.starts_with("ctms-admin " + std::string(ctms::version())));
}

TEST_CASE("a call without a command or with an unknown one is a usage error") {
    const auto nothing = run_admin({});
    CHECK(nothing.exit_code == 64);
    for (const auto& call :
         std::vector<std::vector<std::string>>{{"unknown"}, {"clients"}, {"clients", "unknown"}, {"db"}, {"db", "statuses"}, {""}}) {
        CAPTURE(call.back());
        const auto wrong = run_admin(call);
        CHECK(wrong.exit_code == 64);
        CHECK(wrong.out.empty());
        CHECK(wrong.err.find("; see ctms-admin ") != std::string::npos);
    }
}

TEST_CASE("without a database URL the settings are asked for") {
    const auto run = run_admin({"clients", "list"});
    CHECK(run.exit_code == 78);
    CHECK(run.out.empty());
    CHECK(run.err.find("CTMS_DB_URL") != std::string::npos);
    CHECK(run.err.find("--embedded") != std::string::npos);
}

TEST_CASE("all mistakes in the settings are reported together") {
    const auto run =
        run_admin({"clients", "list"}, {"CTMS_DB_URL=postgresql://127.0.0.1:1/x", "CTMS_DB_POOL_SIZE=none", "CTMS_USE_MOZLOG=perhaps"});
    CHECK(run.exit_code == 78);
    CHECK(run.err.find("CTMS_DB_POOL_SIZE") != std::string::npos);
    CHECK(run.err.find("CTMS_USE_MOZLOG") != std::string::npos);
}

TEST_CASE("output that cannot be written is an error that says what was lost") {
    const test_database database;
    const std::vector<std::string> settings{"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::admin)};
    const auto lose = [&](const std::string& command, const std::string& where) {
        return run_program({"/bin/sh", "-c", std::string("exec " CTMS_ADMIN " ") + command + " " + where}, settings);
    };
    REQUIRE(run_admin({"clients", "create", "kept", "--email", "a@example.com"}, settings).exit_code == 0);
    persistence::connection link(database.options());
    const auto secret_of_kept = [&] {
        return std::string(link.execute("select hashed_secret from api_client where client_id = 'id_kept'").text(0, 0));
    };
    const auto secret = secret_of_kept();
    for (const std::string where : {">/dev/full", ">&-"}) {
        CAPTURE(where);
        for (const std::string command : {"clients list", "clients show kept", "sync status", "audit", "db status", "db url", "--version",
                                          "--help", "completion bash", "manual", "clients set-roles kept --all"}) {
            CAPTURE(command);
            const auto run = lose(command, where);
            CHECK(run.exit_code == 74);
            CHECK(run.err.find("ctms-admin: standard output cannot be written: ") != std::string::npos);
            CHECK(run.err.find('\n') == run.err.size() - 1); // told once
        }
        const std::string name = where == ">&-" ? "a" : "b";
        const auto created = lose("clients create " + name + " --email a@example.com", where);
        CHECK(created.exit_code == 74);
        CHECK(created.err.find("was not shown") != std::string::npos);
        CHECK(created.err.find("ctms-admin clients rotate-secret id_" + name) != std::string::npos);
        for (const std::string json : {"", " --json"}) {
            const auto rotated = lose("clients rotate-secret kept" + json, where);
            CHECK(rotated.exit_code == 74);
            CHECK(rotated.err.find("the old secret of 'id_kept' stays valid") != std::string::npos);
            CHECK(secret_of_kept() == secret);
        }
    }
    const auto audit = run_admin({"audit", "--json"}, settings);
    CHECK(audit.out.find("\"exit_code\":74") != std::string::npos);
    // Without output, a failure keeps its code.
    CHECK(lose("clients show unknown", ">/dev/full").exit_code == 65);
}

TEST_CASE("a command whose output nobody reads any more completes its audit record") {
    const test_database database;
    const std::vector<std::string> settings{"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::admin)};
    // Two ends of a pipe without a reader: writing to it would send SIGPIPE.
    const auto piped =
        run_program({"/bin/sh", "-c", CTMS_ADMIN " clients create piped --email a@example.com | (exec <&-; sleep 2)"}, settings);
    CHECK(piped.err.find("ctms-admin clients rotate-secret id_piped") != std::string::npos);
    const auto audit = run_admin({"audit", "--json"}, settings);
    CHECK(audit.out.find("id_piped") != std::string::npos);
    CHECK(audit.out.find("\"exit_code\":74") != std::string::npos);
}

TEST_CASE("an error message that cannot be written does not change the exit code") {
    for (const std::string where : {"2>/dev/full", "2>&-", "<&- >&- 2>&-"}) {
        CAPTURE(where);
        const auto code_of = [&](const std::string& command) {
            return run_program({"/bin/sh", "-c", std::string("exec " CTMS_ADMIN " ") + command + " " + where}).exit_code;
        };
        CHECK(code_of("clients bogus") == 64);
        CHECK(code_of("clients list") == 78); // no settings
    }
    const test_database database;
    const auto script = run_program(
        {"/bin/sh", "-c",
         std::string("exec ") + std::filesystem::path(CTMS_ADMIN).replace_filename("acoustic_fields.py").string() + " wrong 2>/dev/full"},
        {"CTMS_DB_URL=" + database.url(ctms::persistence::program_account::admin)});
    CHECK(script.exit_code == 2);
}
