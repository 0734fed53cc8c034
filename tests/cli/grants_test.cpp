// SPDX-License-Identifier: MPL-2.0
// ctms-admin db grants, and what the programs say about an account that lacks rights.
#include "run_admin.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/child_process.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <string>

using namespace ctms;
using namespace ctms::test;
using persistence::program_account;

TEST_CASE("the statements that grant the programs their rights are printed or applied") {
    test_database db;
    persistence::connection link(db.options());
    const auto role = "granted_" + db.name();
    link.execute("create role " + role + " login");
    const std::vector<std::string> owner{"CTMS_DB_URL=" + db.url()};
    const auto printed = run_admin({"db", "grants", "--sync", role}, owner);
    CHECK(printed.exit_code == 0);
    CHECK(printed.out.starts_with("begin;\ngrant usage on schema public to " + role + ";\n"));
    CHECK(printed.out.ends_with(";\ncommit;\n"));
    CHECK(printed.out.find("grant SELECT on table public.emails to " + role + ";\n") != std::string::npos);
    const auto may_read = [&] { return link.execute("select has_table_privilege('" + role + "', 'emails', 'select')").boolean(0, 0); };
    CHECK_FALSE(may_read());
    CHECK(run_admin({"db", "grants", "--sync", role, "--apply"}, {"CTMS_DB_URL=" + db.url(program_account::admin)}).exit_code == 78);
    CHECK_FALSE(may_read());
    CHECK(run_admin({"db", "grants", "--sync", role, "--apply"}, owner).out == "Granted.\n");
    CHECK(link.execute("select command from ctms_audit_log order by id desc limit 1").text(0, 0) == "db grants");
    CHECK(may_read());
    CHECK(boost::json::parse(run_admin({"db", "grants", "--web", role, "--json"}, owner).out).at("applied") == false);
    CHECK(run_admin({"db", "grants"}, owner).exit_code == 64);
    CHECK(run_admin({"db", "grants", "--web", "nobody_" + db.name()}, owner).exit_code == 65);
    link.execute("drop owned by " + role + "; drop role " + role);
}

TEST_CASE("a program whose account lacks a right ends with 78 and names the right, the object and the command") {
    test_database db;
    persistence::connection link(db.options());
    link.execute("revoke insert on newsletters, fxa from ctms_test_web; revoke all on api_client from ctms_test_admin");
    child_process web(CTMS_WEB, {{"CTMS_DB_URL", db.url(program_account::web)},
                                 {"CTMS_SECRET_KEY", "key of these tests, of 32 bytes or more"},
                                 {"HOST", "127.0.0.1"},
                                 {"PORT", "0"}});
    CHECK(web.wait() == 78);
    CHECK(web.log().find("INSERT on fxa; INSERT on newsletters. `ctms-admin db grants --web ctms_test_web`") != std::string::npos);
    const auto admin = run_admin({"clients", "list"}, {"CTMS_DB_URL=" + db.url(program_account::admin)});
    CHECK(admin.exit_code == 78);
    CHECK(admin.err.find("permission denied for table api_client [SQLSTATE 42501]") != std::string::npos);
    CHECK(admin.err.find("SELECT, INSERT, UPDATE, DELETE on api_client. `ctms-admin db grants --admin ctms_test_admin`") !=
          std::string::npos);
}
