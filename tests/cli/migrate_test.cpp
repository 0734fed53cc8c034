// SPDX-License-Identifier: MPL-2.0
// ctms-admin migrate on a database that others use: signals, kills, the plan, missing rights.
#include "run_admin.hpp"

#include <persistence/postgres/connection.hpp>
#include <support/becomes_true.hpp>
#include <support/child_process.hpp>
#include <support/reference_database.hpp>
#include <support/test_database.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <csignal>
#include <string>

using namespace ctms;
using namespace ctms::test;
using namespace std::chrono_literals;

namespace {

class adoption {
public:
    explicit adoption(int waiting = 0) {
        make_reference_database(link);
        link.execute("insert into emails (email_id, primary_email, update_timestamp)"
                     " select md5(n::text)::uuid, 'many' || n || '@example.com', now() from generate_series(1, " +
                     std::to_string(waiting) +
                     ") n; insert into pending_acoustic (email_id, retry, update_timestamp)"
                     " select email_id, 0, now() from emails where primary_email like 'many%'");
    }
    [[nodiscard]] environment variables() const { return {{"CTMS_DB_URL", database_.url()}}; }
    [[nodiscard]] persistence::database_options options() const { return database_.options(); }
    outcome run(const std::vector<std::string>& arguments) { return run_admin(arguments, {"CTMS_DB_URL=" + database_.url()}); }
    /// On a connection of its own, since a transaction sees the other sessions as they were when it first looked.
    bool holds(const std::string& sql) { return persistence::connection(database_.options()).execute("select " + sql).boolean(0, 0); }

private:
    test_database database_{test_database::content::empty};

public:
    persistence::connection link{database_.options()};
};

constexpr const char* no_index_is_built =
    "not exists (select from pg_stat_activity where datname = current_database() and state = 'active' and query like 'create index%')";

} // namespace

TEST_CASE("a migration that is killed while it copies rows continues where it was") {
    adoption at(20'000);
    persistence::connection other(at.options());
    at.link.begin();
    at.link.execute("update emails set first_name = 'x' where primary_email = '1@example.com'");
    other.begin();
    {
        child_process first(CTMS_ADMIN, at.variables(), {"migrate"});
        // It waits for the trigger of emails. Then its copy has to wait for the last contact, which another transaction has queued.
        CHECK(becomes_true([&] { return at.holds("exists (select from pg_trigger where tgname = 'ctms_pending_acoustic_inserted')"); }));
        other.execute("insert into pending_acoustic (email_id, retry, update_timestamp)"
                      " select email_id, 0, now() from emails where primary_email = 'many20000@example.com'");
        at.link.rollback();
        CHECK(becomes_true([&] { return at.holds("exists (select from ctms_sync_queue)"); }));
        first.signal(SIGKILL);
        CHECK(first.wait() == 128 + SIGKILL);
    }
    CHECK(at.holds("count(*) < 20002 from ctms_sync_queue"));
    other.commit();
    CHECK(at.holds("count(*) > 0 from ctms_migration_steps where version = 2"));
    const auto second = at.run({"migrate"});
    CHECK(second.exit_code == 0);
    CHECK(at.holds("count(*) = 20002 from ctms_sync_queue"));
    CHECK(at.holds("count(*) = 0 from ctms_migration_steps"));
    CHECK(at.run({"migrate", "--check"}).exit_code == 0);
}

TEST_CASE("a signal cancels the statement at the server and says that the migration can be run again") {
    adoption at;
    at.link.begin(); // an index that is built concurrently waits for this transaction
    at.link.execute("insert into stripe_invoice values ('i', 'c', null, null, now(), 'usd', 1, 'paid')");
    child_process program(CTMS_ADMIN, at.variables(), {"migrate"});
    CHECK(becomes_true([&] { return !at.holds(no_index_is_built); }));
    int signal = SIGTERM;
    SUBCASE("SIGTERM") {}
    SUBCASE("SIGINT") { signal = SIGINT; }
    program.signal(signal);
    CHECK(program.wait() == 75);
    CAPTURE(program.log());
    CHECK(program.log().find("run `ctms-admin migrate` again") != std::string::npos);
    CHECK(at.holds(no_index_is_built));
    at.link.rollback();
    CHECK(at.run({"migrate"}).exit_code == 0);
}

TEST_CASE("a migration that cannot get its locks ends with 75 and names who is in the way") {
    adoption at;
    at.link.begin();
    at.link.execute("update emails set first_name = 'x'");
    const auto blocked = at.run({"migrate", "--wait", "2"});
    CHECK(blocked.exit_code == 75);
    CHECK(blocked.err.find("In the way: pid ") != std::string::npos);
    CHECK(blocked.err.find("run `ctms-admin migrate` again") != std::string::npos);
    at.link.rollback();
    CHECK(at.run({"migrate", "--wait", "0"}).exit_code == 64);
    CHECK(at.run({"migrate"}).exit_code == 0);
}

TEST_CASE("a database whose tables would be in two schemas is not migrated") {
    adoption at;
    at.link.execute("create schema ctms; grant all on schema ctms to public");
    const std::vector<std::string> apart{"CTMS_DB_URL=" + at.options().url + "&options=-csearch_path%3Dctms%2Cpublic"};
    const auto refused = run_admin({"migrate"}, apart);
    CAPTURE(refused.err);
    CHECK(refused.exit_code == 78);
    CHECK(refused.err.find("leads to schema public for") != std::string::npos);
    CHECK(refused.err.find("emails") != std::string::npos);
    CHECK(refused.err.find("and to schema ctms for the tables of CTMS") != std::string::npos);
    const auto plan = run_admin({"migrate", "--plan"}, apart);
    CHECK(plan.exit_code == 78);
    CHECK(plan.out.find("Obstacle: All tables must be in one schema") != std::string::npos);
    CHECK(at.link.execute("select from pg_class where relname like 'ctms\\_%'").empty());
    CHECK(at.run({"migrate"}).exit_code == 0);
}

TEST_CASE("the plan lists the locks, the time and who is in the way, as text and as JSON") {
    adoption at;
    at.link.execute("create schema elsewhere create table emails (id integer)");
    at.link.begin();
    at.link.execute("update emails set first_name = 'x'");
    CHECK(becomes_true([&] { return at.run({"migrate", "--plan"}).out.find("in the way now: pid ") != std::string::npos; }));
    const auto text = at.run({"migrate", "--plan"});
    CAPTURE(text.out);
    CHECK(text.exit_code == 0);
    CHECK(text.out.find("Would apply 0002 sync_queue\n  step 1 of 6: locks nothing; about 0.1 to 0.2 s") != std::string::npos);
    CHECK(text.out.find("step 2 of 6: writers of pending_acoustic wait for a moment") != std::string::npos);
    CHECK(text.out.find("copies the rows of pending_acoustic in short transactions") != std::string::npos);
    CHECK(text.out.find("builds an index of stripe_invoice while others read and write it") != std::string::npos);
    CHECK(text.out.find("Warning: Schema elsewhere has tables of the same names") != std::string::npos);
    const auto plan = boost::json::parse(at.run({"migrate", "--plan", "--json"}).out).as_object();
    CHECK(plan.at("schema") == "adoptable");
    CHECK(plan.at("missing_rights").as_array().empty());
    CHECK(plan.at("obstacles").as_array().empty());
    CHECK(plan.at("warnings").as_array().size() == 1);
    bool found = false;
    for (const auto& step : plan.at("steps").as_array()) {
        if (step.at("table") != "emails") continue;
        found = true;
        CHECK((step.at("holds_up") == "writers" || step.at("holds_up") == "everyone")); // everyone: where a trigger is replaced
        CHECK(step.at("bytes").as_int64() > 0);
        CHECK(step.at("in_the_way").as_string().find("idle in transaction") != std::string::npos);
    }
    CHECK(found);
    at.link.rollback();
}
