// SPDX-License-Identifier: MPL-2.0
// Migrations beside programs that write: how long those wait, and what happens when a lock is not available.
#include <support/becomes_true.hpp>
#include <support/reference_database.hpp>
#include <support/single_row_writer.hpp>
#include <support/test_database.hpp>

#include <persistence/migrations/embedded_migrations.hpp>
#include <persistence/migrations/migration_file.hpp>
#include <persistence/postgres/connection.hpp>
#include <persistence/sync/sync_queue_repository.hpp>

#include <ctms/persistence/migrations.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::becomes_true;
using ctms::test::test_database;

namespace {

/// A transaction of somebody else that has written to a table and stays open.
class open_transaction {
public:
    open_transaction(const test_database& db, const std::string& sql) : link_(named(db)) {
        pid_ = link_.execute("select pg_backend_pid()").text(0, 0);
        link_.begin();
        link_.execute(sql);
    }
    [[nodiscard]] const std::string& pid() const { return pid_; }
    void end() { link_.rollback(); }

private:
    static database_options named(const test_database& db) {
        auto options = db.options();
        options.url += "&application_name=somebody";
        return options;
    }
    connection link_;
    std::string pid_;
};

const std::string touch_emails = "update emails set first_name = 'x' where primary_email = '1@example.com'";

std::string value(connection& link, const std::string& sql) { return std::string(link.execute(sql).text(0, 0)); }

} // namespace

TEST_CASE("a step that does not get its lock holds up writers only briefly and names who is in the way") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    open_transaction blocker(db, touch_emails);
    std::vector<std::string> lines;
    std::optional<error> failure;
    std::chrono::milliseconds best = 1h; // on a machine that does other work, one of three rounds must do
    for (int round = 0; round < 3 && best >= 300ms; ++round) {
        lines.clear();
        test::single_row_writer writer(db.options());
        const auto done = migrate(db.options(), {.longest_wait = 4s, .report = [&](const std::string& line) { lines.push_back(line); }});
        best = std::min(best, writer.stop());
        REQUIRE_FALSE(done.has_value());
        failure = done.error();
    }
    CHECK(best < 300ms);
    CHECK(failure->code == errc::interrupted);
    CHECK(failure->message.find("run `ctms-admin migrate` again") != std::string::npos);
    CAPTURE(failure->detail);
    CHECK(failure->detail.find("migration 0002 sync_queue, step 3 of") != std::string::npos);
    CHECK(failure->detail.find("pid " + blocker.pid() + " (application `somebody`, idle in transaction, transaction open for ") !=
          std::string::npos);
    CHECK(failure->detail.find("update") == std::string::npos); // the text of its query is not shown
    CHECK(value(link, "select count(*) from pg_trigger where tgname = 'ctms_emails_deleted'") == "0");

    blocker.end();
    CHECK(migrate(db.options()).has_value());
    CHECK(inspect_schema(db.options()).value().what == schema_state::kind::current);
    CHECK(value(link, "select count(*) from ctms_migration_steps") == "0");
    CHECK(value(link, "select count(distinct email_id) - (select count(*) from ctms_sync_queue) from pending_acoustic") == "0");
}

TEST_CASE("a lock that becomes available later is taken then") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    open_transaction blocker(db, touch_emails);
    std::atomic<bool> reported = false;
    std::optional<bool> succeeded;
    std::thread migrator([&] { succeeded = migrate(db.options(), {.report = [&](const std::string&) { reported = true; }}).has_value(); });
    CHECK(becomes_true([&] { return reported.load(); }));
    blocker.end();
    migrator.join();
    CHECK(succeeded == true);
}

TEST_CASE("a caller that wants to stop does not wait, neither for a lock nor for an index") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    std::optional<open_transaction> blocker;
    std::string seen;
    SUBCASE("for a lock") {
        blocker.emplace(db, touch_emails);
        seen = "select count(*) > 0 from pg_trigger where tgname = 'ctms_pending_acoustic_inserted'";
    }
    SUBCASE("for an index") {
        blocker.emplace(db, "insert into stripe_invoice values ('i', 'c', null, null, now(), 'usd', 1, 'paid')");
        seen = "select count(*) > 0 from pg_stat_activity where query like 'create index concurrently ctms_stripe_invoice%'"
               " and wait_event_type = 'Lock' and datname = current_database()";
    }
    std::atomic<bool> stop = false;
    std::optional<errc> outcome;
    std::thread migrator([&] { outcome = migrate(db.options(), {.stop = [&] { return stop.load(); }}).error().code; });
    CHECK(becomes_true([&] { return link.execute(seen).boolean(0, 0); }));
    const auto began = std::chrono::steady_clock::now();
    stop = true;
    migrator.join();
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    CHECK(outcome == errc::interrupted);
    CHECK(value(link, "select count(*) from pg_stat_activity where state = 'active' and query like 'create index%'"
                      " and datname = current_database()") == "0");
    blocker->end();
    CHECK(migrate(db.options()).has_value());
    CHECK(value(link, "select count(*) from pg_index where not indisvalid") == "0");
}

TEST_CASE("a step in a transaction locks at most one table that others use") {
    for (const auto& one : embedded_migrations()) {
        for (const auto& step : read_migration(one.sql).steps) {
            if (step.what != migration_step::kind::transaction || one.version == 1) continue;
            CAPTURE(one.version);
            CHECK(locks_of(step.sql).size() <= 1); // a step that held one lock while it waits for another would hold up writers twice
        }
    }
}

TEST_CASE("the queue can be counted at all times while its index of retries is replaced") {
    test_database db;
    connection link(db.options());
    database pool(db.options());
    sync_queue_repository queue(pool);
    const auto& pipeline = embedded_migrations()[16];
    REQUIRE(std::string_view(pipeline.name) == "sync_pipeline");
    int statements = 0;
    for (const auto& step : read_migration(pipeline.sql).steps) {
        if (step.sql.find("index ctms_sync_queue_") == std::string_view::npos && step.what != migration_step::kind::outside) continue;
        const auto lines = step.what == migration_step::kind::outside ? lines_of(step.sql) : std::vector{step.sql};
        for (const auto line : lines) {
            CAPTURE(std::string(line));
            link.execute(std::string(line));
            ++statements;
            CHECK(queue.count().has_value()); // it names the index
        }
    }
    CHECK(statements >= 2);
    CHECK(value(link, "select pg_get_indexdef('ctms_sync_queue_retries'::regclass) like '%(last_error IS NOT NULL)'") == "t");
}

TEST_CASE("rows are copied in batches, and a contact keeps the times of all its rows") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    link.execute("insert into emails (email_id, primary_email, update_timestamp)"
                 " select md5(n::text)::uuid, 'many' || n || '@example.com', now() from generate_series(1, 5000) n;"
                 "insert into pending_acoustic (email_id, retry, create_timestamp, update_timestamp)"
                 " select md5(n::text)::uuid, 0, '2022-01-01', '2022-01-02' from generate_series(1, 5000) n;"
                 "insert into pending_acoustic (email_id, retry, create_timestamp, update_timestamp)"
                 " select md5(n::text)::uuid, 0, '2021-01-01', '2023-01-01' from generate_series(1, 5000) n");
    REQUIRE(migrate(db.options()).has_value());
    CHECK(value(link, "select count(*) from ctms_sync_queue") == "5002");
    CHECK(value(link, "select count(*) from ctms_sync_queue where first_requested_at = '2021-01-01' and last_requested_at = '2023-01-01'"
                      " and version = 1") == "5000");
    CHECK(value(link, "select count(*) from ctms_sync_queue where xmin::text = (select max(xmin::text) from ctms_sync_queue)") != "5002");
    CHECK(value(link, "select to_regclass('ctms_pending_copied') is null") == "t");
}

TEST_CASE("a database that was migrated with an older text of a migration is up to date") {
    test_database db;
    connection link(db.options());
    int older = 0;
    for (const auto& one : embedded_migrations()) {
        for (const auto sha256 : read_migration(one.sql).older_sha256s) {
            ++older;
            CHECK(sha256.size() == 64);
            link.execute("update ctms_migrations set sha256 = '" + std::string(sha256) +
                         "' where version = " + std::to_string(one.version));
            CHECK(inspect_schema(db.options()).value().what == schema_state::kind::current);
        }
    }
    CHECK(older >= 2);
    link.execute("update ctms_migrations set sha256 = repeat('0', 64) where version = 2");
    CHECK(inspect_schema(db.options()).value().what == schema_state::kind::foreign);
}

TEST_CASE("steps of another text are not continued") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    open_transaction blocker(db, touch_emails);
    REQUIRE_FALSE(migrate(db.options(), {.longest_wait = 1s}).has_value());
    CHECK(value(link, "select count(*) from ctms_migration_steps where version = 2") == "2");
    blocker.end();
    link.execute("update ctms_migration_steps set sha256 = 'x'");
    const auto refused = migrate(db.options());
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid);
    CHECK(refused.error().message.find("Migration 2 (sync_queue)") != std::string::npos);
    CHECK(plan_migration(db.options()).error().code == errc::invalid);
}

TEST_CASE("the plan shows steps, tables and who is in the way") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    const open_transaction blocker(db, touch_emails);
    link.execute("create schema elsewhere create table emails (id integer); grant create on schema public to public");
    std::this_thread::sleep_for(1100ms); // a transaction counts once it is a second old
    const auto plan = plan_migration(db.options()).value();
    CHECK(plan.state.what == schema_state::kind::adoptable);
    CHECK(plan.missing_rights.empty());
    std::set<std::string> held_up;
    for (const auto& step : plan.steps) {
        if (step.what == planned_step::effect::writers) held_up.insert(step.table);
        const bool waits = step.table == "emails" || step.blockers.find("somebody") != std::string::npos;
        if (step.table == "emails") CHECK(step.blockers.find("pid " + blocker.pid()) != std::string::npos);
        if (step.what == planned_step::effect::batches) CHECK(step.table == "pending_acoustic");
        CHECK((waits || step.blockers.empty()));
    }
    CHECK(held_up.contains("emails"));
    CHECK(held_up.contains("pending_acoustic"));
    CHECK(held_up.contains("api_client"));
    REQUIRE(plan.warnings.size() == 2);
    CHECK(plan.warnings[0].find("revoke create on schema public from public") != std::string::npos);
    CHECK(plan.warnings[1].find("Schema elsewhere") != std::string::npos);
    CHECK(value(link, "select to_regclass('ctms_migrations') is null") == "t");
}

TEST_CASE("an account that could not finish changes nothing and learns which rights are missing") {
    test_database db(test_database::content::empty);
    connection link(db.options());
    test::make_reference_database(link);
    const auto role = "migrator_" + db.name();
    link.execute("create role " + role + " login");
    auto options = db.options();
    options.url += "&user=" + role;
    const auto refusal = [&] {
        const auto refused = migrate(options);
        return refused ? error{} : refused.error();
    };
    link.execute("grant select on all tables in schema public to " + role);
    CHECK(refusal().code == errc::misconfigured);
    CHECK(refusal().message.find("run `grant create on schema public to " + role + "`") != std::string::npos);
    link.execute("grant create on schema public to " + role);
    CHECK(refusal().message.find("CREATE") == std::string::npos);
    for (const std::string table : {"pending_acoustic", "emails", "api_client", "stripe_invoice"}) {
        CAPTURE(table);
        CHECK(refusal().message.find("The table " + table + " belongs to postgres") != std::string::npos);
    }
    CHECK(plan_migration(options).value().missing_rights.size() >= 4);
    CHECK(value(link, "select count(*) from pg_class where relname like 'ctms\\_%'") == "0");
    CHECK(value(link, "select count(*) from pg_trigger where not tgisinternal") == "0");
    link.execute("drop owned by " + role + "; drop role " + role);
}
