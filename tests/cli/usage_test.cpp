// SPDX-License-Identifier: MPL-2.0
#include "run_admin.hpp"

#include <ctms/base/version.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::test;

TEST_CASE("help shows every command with an example") {
    for (const std::string flag : {"--help", "-h"}) {
        const auto help = run_admin({flag});
        CHECK(help.exit_code == 0);
        CHECK(help.err.empty());
        for (const std::string command :
             {"migrate [--plan] [--check]", "clients create NAME --email ADDRESS [--disabled]", "clients list", "clients show NAME",
              "clients enable NAME", "clients disable NAME", "clients rotate-secret NAME [--keep-old DURATION]",
              "clients set-roles NAME [--role ROLE]... [--all]", "clients delete NAME [--yes]",
              "acoustic-fields add FIELD [--tablename TABLE]", "newsletter-mappings add SOURCE:DESTINATION [--replace]",
              "stripe ingest FILE...", "stripe queue FILE...", "db url", "db psql", "db dump", "db status"}) {
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
        CHECK(wrong.err.find("see ctms-admin --help") != std::string::npos);
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
