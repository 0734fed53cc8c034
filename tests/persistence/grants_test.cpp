// SPDX-License-Identifier: MPL-2.0
// The rights of the programs' accounts.
#include <support/test_database.hpp>

#include <persistence/migrations/rights.hpp>
#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/grants.hpp>
#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::test_database;

TEST_CASE("the rights of every table, view and sequence are declared, and nothing else is") {
    test_database db;
    connection link(db.options());
    const auto found =
        link.execute("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'S')"
                     " and relname not in ('pending_acoustic_id_seq', 'ctms_audit_log_id_seq', 'ctms_inbox_id_seq', 'ctms_history_id_seq', "
                     "'ctms_stripe_parked_id_seq')");
    // Only triggers and identities use these sequences.
    for (std::size_t row = 0; row < found.size(); ++row) {
        const auto name = std::string(found.text(row, 0));
        CAPTURE(name);
        CHECK(std::count_if(all_rights.begin(), all_rights.end(), [&](const auto& one) { return one.object == name; }) == 1);
    }
    CHECK(all_rights.size() == found.size());
}

TEST_CASE("each program has its rights and no others") {
    test_database db;
    for (const auto program : {program_account::web, program_account::sync, program_account::admin}) {
        auto options = db.options();
        options.url = db.url(program);
        CHECK(check_rights(options, program).has_value());
        connection link(options);
        CHECK(link.execute("select has_schema_privilege(current_schema(), 'create')").text(0, 0) == "f");
        CHECK_THROWS_AS(link.execute("delete from alembic_version"), sql_error);
    }
    auto web = db.options();
    web.url = db.url(program_account::web);
    connection link(web);
    CHECK_THROWS_AS(link.execute("delete from ctms_sync_queue"), sql_error);
    CHECK_THROWS_AS(link.execute("select * from ctms_audit_log"), sql_error);
}

TEST_CASE("a missing right is named with its object and the command that grants it") {
    test_database db;
    connection link(db.options());
    const std::string role = "ctms_\"other_" + db.name(); // has to be quoted
    const std::string quoted = "\"ctms_\"\"other_" + db.name() + "\"";
    link.execute("create role " + quoted + " login");
    auto options = db.options();
    options.url += "&user=ctms_%22other_" + db.name();
    CHECK(inspect_schema(options).error().code == errc::misconfigured);
    CHECK(inspect_schema(options).error().detail.find("alembic_version") != std::string::npos);
    CHECK(inspect_schema(options).error().detail.find("ctms-admin db grants") != std::string::npos);

    const auto statements = grant_statements(db.options(), {{program_account::web, role}}).value();
    CHECK(std::find(statements.begin(), statements.end(), "grant SELECT, INSERT, UPDATE, DELETE on table public.emails to " + quoted) !=
          statements.end());
    CHECK(apply_grants(options, statements).error().code == errc::misconfigured); // only the owner can grant
    REQUIRE(apply_grants(db.options(), statements).has_value());
    CHECK(check_rights(options, program_account::web).has_value());
    link.execute("revoke insert, update on newsletters from " + quoted);
    const auto refused = check_rights(options, program_account::web);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::misconfigured);
    CHECK(refused.error().message.find("INSERT, UPDATE on newsletters. `ctms-admin db grants --web ") != std::string::npos);
    CHECK(grant_statements(db.options(), {{program_account::web, "nobody_" + db.name()}}).error().code == errc::invalid);
    link.execute("drop owned by " + quoted + "; drop role " + quoted);
}

TEST_CASE("a schema that the account may not use is not taken for an empty one") {
    test_database db;
    connection link(db.options());
    link.execute("revoke usage on schema public from public, ctms_test_sync");
    auto options = db.options();
    options.url = db.url(program_account::sync);
    const auto refused = inspect_schema(options);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::misconfigured);
    CHECK(refused.error().detail.find("permission denied for schema public") != std::string::npos);
}
