// SPDX-License-Identifier: MPL-2.0
#include <support/reference_database.hpp>
#include <support/test_database.hpp>

#include <persistence/migrations/embedded_migrations.hpp>
#include <persistence/postgres/connection.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using ctms::test::make_reference_database;
using ctms::test::test_database;
using state = schema_state::kind;

namespace {

using sections = std::map<std::string, std::vector<std::string>>;

// Returns the "# heading" lines and the lines after each.
sections expected_schema() {
    std::ifstream in(CTMS_REFERENCE_SCHEMA);
    sections all;
    std::string heading;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("# ")) {
            heading = line.substr(2);
        } else if (!line.empty()) {
            all[heading].push_back(line);
        }
    }
    return all;
}

std::vector<std::string> column_of(connection& link, const std::string& sql) {
    const auto found = link.execute(sql);
    std::vector<std::string> all;
    for (std::size_t row = 0; row < found.size(); ++row) all.emplace_back(found.text(row, 0));
    std::sort(all.begin(), all.end());
    return all;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
    std::sort(lines.begin(), lines.end());
    return lines;
}

schema_state inspected(const test_database& db) { return inspect_schema(db.options()).value(); }

} // namespace

TEST_CASE("the first migration makes exactly the Python service's schema, including every name") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    link.execute(embedded_migrations().front().sql);
    const auto expected = expected_schema();
    CHECK(column_of(link, "select c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)"
                          " || case when a.attnotnull then ' NOT NULL' else '' end"
                          " || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')"
                          " from pg_attribute a join pg_class c on c.oid = a.attrelid"
                          " left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
                          " where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0") ==
          sorted(expected.at("columns")));
    CHECK(column_of(link, "select indexdef from pg_indexes where schemaname = 'public'") == sorted(expected.at("indexes")));
    CHECK(column_of(link, "select c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)"
                          " from pg_constraint k join pg_class c on c.oid = k.conrelid"
                          " where c.relnamespace = 'public'::regnamespace and k.contype <> 'p'") == sorted(expected.at("constraints")));
    CHECK(column_of(link, "select tablename || ' ' || field from acoustic_field") == sorted(expected.at("acoustic_field")));
    CHECK(column_of(link, "select source || ' ' || destination from acoustic_newsletter_mapping") ==
          sorted(expected.at("acoustic_newsletter_mapping")));
    CHECK(column_of(link, "select version_num from alembic_version") == std::vector<std::string>{"4f6c48142631"});
}

TEST_CASE("columns have the order of the Python service's schema") {
    test_database db;
    connection link(db.options());
    std::map<std::string, std::vector<std::string>> columns;
    const auto expected = expected_schema();
    for (const auto& line : expected.at("columns")) {
        const auto dot = line.find('.');
        columns[line.substr(0, dot)].push_back(line.substr(dot + 1, line.find(' ') - dot - 1));
    }
    for (const auto& [table, names] : columns) {
        const std::string what = table;
        CAPTURE(what);
        std::string joined;
        for (const auto& name : names) joined += (joined.empty() ? "" : ",") + name;
        CHECK(link.execute("select string_agg(attname, ',' order by attnum) from pg_attribute where attnum > 0 and attrelid = '" + table +
                           "'::regclass")
                  .text(0, 0) == joined);
    }
}

TEST_CASE("an empty database gets every migration once") {
    test_database db(test_database::content::empty);
    CHECK(inspected(db).what == state::empty);
    CHECK(inspected(db).pending.size() == known_migrations().size());
    const auto done = migrate(db.options());
    REQUIRE(done.has_value());
    CHECK(done->size() == known_migrations().size());
    CHECK(inspected(db).what == state::current);
    CHECK(migrate(db.options()).value().empty());
    connection link(db.options());
    CHECK(column_of(link, "select version || ' ' || name || ' ' || adopted from ctms_migrations") ==
          std::vector<std::string>{"1 baseline false",
                                   "10 functions_of_the_owner false",
                                   "11 inbox false",
                                   "12 inbox_triggers false",
                                   "13 changes false",
                                   "14 changes_triggers false",
                                   "15 webhooks false",
                                   "16 stripe_and_privacy false",
                                   "17 sync_pipeline false",
                                   "18 documents false",
                                   "19 erasures false",
                                   "2 sync_queue false",
                                   "20 safe_retries false",
                                   "21 history false",
                                   "22 relevant_contacts false",
                                   "23 client_limits false",
                                   "24 bulk_job false",
                                   "25 ordered_answers false",
                                   "26 free_in_queue false",
                                   "3 indexes false",
                                   "4 price_index false",
                                   "5 sync_workers false",
                                   "6 pending_index false",
                                   "7 audit_log false",
                                   "8 client_roles false",
                                   "9 client_revocations false"});
    CHECK(column_of(link, "select indexrelid::regclass::text from pg_index where not indisvalid").empty());
    CHECK(column_of(link, "select indexname from pg_indexes where indexname like 'ctms_stripe%'").size() == 10);
}

TEST_CASE("migrations work without session state, as with PgBouncer") {
    test_database db(test_database::content::empty);
    auto options = db.options();
    options.prepared = false;
    CHECK(migrate(options).value().size() == known_migrations().size());
}

TEST_CASE("migrations are numbered without gaps") {
    int expected = 0;
    for (const auto& one : known_migrations()) {
        CHECK(one.version == ++expected);
        CHECK(one.sha256.size() == 64);
        CHECK_FALSE(one.name.empty());
    }
}

TEST_CASE("a database of the Python service is adopted with its pending rows") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_reference_database(link);
    CHECK(inspected(db).what == state::adoptable);
    CHECK(inspected(db).pending.front().version == 2);
    const auto done = migrate(db.options());
    REQUIRE(done.has_value());
    CHECK(done->front().version == 2);
    CHECK(inspected(db).what == state::current);
    CHECK(link.execute("select adopted from ctms_migrations where version = 1").boolean(0, 0));
    CHECK(column_of(link, "select concat_ws(' ', right(email_id::text, 1), operation, version, retry, state, next_attempt_at <= now(),"
                          " first_requested_at::date, last_requested_at::date) from ctms_sync_queue") ==
          std::vector<std::string>{"1 upsert 1 0 pending t 2021-01-01 2021-01-04", "2 upsert 1 0 pending t 2021-02-01 2021-02-01"});
    CHECK(link.execute("select count(*) from pending_acoustic").integer(0, 0) == 3);
}

TEST_CASE("a foreign database is refused and left unchanged") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    std::string wanted;
    SUBCASE("another revision of the Python service") {
        make_reference_database(link);
        link.execute("update alembic_version set version_num = 'cafe'");
        wanted = "'cafe'";
    }
    SUBCASE("no revision") {
        make_reference_database(link);
        link.execute("delete from alembic_version");
        wanted = "''";
    }
    SUBCASE("existing tables with the same names") {
        link.execute("create table emails (id integer)");
        wanted = "emails";
    }
    SUBCASE("changed contents of a migration") {
        REQUIRE(migrate(db.options()).has_value());
        link.execute("update ctms_migrations set sha256 = 'x' where version = 2");
        wanted = "Migration 2 (sync_queue)";
    }
    CHECK(inspected(db).what == state::foreign);
    CHECK(inspected(db).explanation.find(wanted) != std::string::npos);
    const auto tables = column_of(link, "select relname from pg_class where relnamespace = 'public'::regnamespace");
    const auto refused = migrate(db.options());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid);
    CHECK(refused.error().message == inspected(db).explanation);
    CHECK(column_of(link, "select relname from pg_class where relnamespace = 'public'::regnamespace") == tables);
}

TEST_CASE("the schema of a newer program is refused") {
    test_database db;
    connection link(db.options());
    link.execute("insert into ctms_migrations (version, name, sha256) values (99, 'future', 'x')");
    CHECK(inspected(db).what == state::ahead);
    const auto refused = migrate(db.options());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid);
    CHECK(refused.error().message.find("99") != std::string::npos);
}

TEST_CASE("the schema of a newer program is used as long as it serves this one") {
    test_database db;
    connection link(db.options());
    const auto newest = std::to_string(known_migrations().back().version);
    link.execute("alter table ctms_migrations add column if not exists oldest_program integer;"
                 "insert into ctms_migrations (version, name, sha256, oldest_program) values (98, 'expand', 'x', " +
                 newest + ")");
    CHECK(inspected(db).what == state::current);
    CHECK(inspected(db).explanation.find("98") != std::string::npos);
    const auto nothing = migrate(db.options());
    REQUIRE(nothing.has_value());
    CHECK(nothing->empty());
    CHECK(inspected(db).pending.empty());
    SUBCASE("not with a migration that serves only newer programs") {
        link.execute("insert into ctms_migrations (version, name, sha256, oldest_program) values (99, 'contract', 'x', 98)");
    }
    SUBCASE("not with a migration that says nothing") {
        link.execute("insert into ctms_migrations (version, name, sha256) values (97, 'silent', 'x')");
    }
    SUBCASE("not without a migration that this program needs") { link.execute("delete from ctms_migrations where version = " + newest); }
    CHECK(inspected(db).what == state::ahead);
    CHECK_FALSE(migrate(db.options()).has_value());
}

TEST_CASE("a database that lacks one migration gets only that one") {
    test_database db;
    connection link(db.options());
    link.execute("delete from ctms_migrations where version = 3; drop index ctms_stripe_invoice_customer");
    const auto found = inspected(db);
    CHECK(found.what == state::behind);
    CHECK(found.explanation.find("ctms-admin migrate") != std::string::npos);
    const auto done = migrate(db.options());
    REQUIRE(done.has_value());
    REQUIRE(done->size() == 1);
    CHECK(done->front().name == "indexes");
}

TEST_CASE("concurrent migrators apply each migration once") {
    test_database db(test_database::content::empty);
    std::atomic<std::size_t> applied = 0;
    std::atomic<int> failed = 0;
    std::vector<std::thread> migrators;
    for (int i = 0; i < 3; ++i) {
        migrators.emplace_back([&] {
            const auto done = migrate(db.options());
            if (done) {
                applied += done->size();
            } else {
                ++failed;
            }
        });
    }
    for (auto& migrator : migrators) migrator.join();
    CHECK(failed == 0);
    CHECK(applied == known_migrations().size());
}

TEST_CASE("a failed migration step is rolled back") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    make_reference_database(link);
    link.execute("create function ctms_emails_deleted() returns trigger language plpgsql as 'begin return null; end'");
    const auto failed = migrate(db.options());
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().code == errc::unavailable);
    CHECK(failed.error().detail.find("ctms_emails_deleted") != std::string::npos);
    CHECK(link.execute("select to_regclass('ctms_sync_queue') is null").boolean(0, 0));
    link.execute("drop function ctms_emails_deleted()");
    CHECK(migrate(db.options()).has_value());
}

TEST_CASE("a database that cannot be reached is unavailable") {
    database_options nowhere;
    nowhere.url = "postgresql:///nothing?host=/nonexistent";
    CHECK(inspect_schema(nowhere).error().code == errc::unavailable);
    CHECK(plan_migration(nowhere).error().code == errc::unavailable);
    CHECK(migrate(nowhere).error().code == errc::unavailable);
}
