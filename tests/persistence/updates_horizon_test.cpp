// SPDX-License-Identifier: MPL-2.0
// What holds back the default end of /updates.
#include <support/test_database.hpp>

#include <persistence/contacts/updates_horizon.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>
#include <thread>

using namespace ctms;
using namespace ctms::persistence;
using namespace std::chrono_literals;
using ctms::test::test_database;

namespace {

struct fixture {
    test_database db;
    connection reader{db.options()};
    connection other{db.options()};

    updates_horizon horizon(const horizon_limits& limits = {}) { return read_updates_horizon(reader, limits); }
    timestamp clock() {
        return timestamp(std::chrono::microseconds(
            connection(db.options()).execute("select (extract(epoch from clock_timestamp()) * 1000000)::bigint").integer(0, 0)));
    }
    void write() { other.execute("update emails set first_name = 'x'; select pg_current_xact_id()"); }
};

} // namespace

TEST_CASE_FIXTURE(fixture, "without open transactions the end is a moment ago by the clock of the database") {
    const auto before = clock();
    const auto now = horizon();
    CHECK(now.held_by == "none");
    CHECK(now.now > before);
    CHECK(now.now - now.end == 100ms);
    CHECK(!now.overdue);
}

TEST_CASE_FIXTURE(fixture, "an open transaction holds the end back to its begin") {
    const auto before = clock();
    other.begin();
    other.execute("select 1");
    const auto begun = clock();
    std::this_thread::sleep_for(150ms);
    auto now = horizon();
    CHECK(now.held_by == "reader");
    CHECK(now.end > before);
    CHECK(now.end < begun);
    const auto end = now.end;
    write();
    now = horizon();
    CHECK(now.held_by == "writer");
    CHECK(now.end == end);
    other.commit();
    CHECK(horizon().held_by == "none");
    CHECK(horizon().end > begun);
}

TEST_CASE_FIXTURE(fixture, "a transaction that is open for too long does not hold the end back any longer") {
    const horizon_limits limits{1s, 2s};
    other.begin();
    other.execute("select 1");
    std::this_thread::sleep_for(1100ms);
    CHECK(horizon(limits).held_by == "none");
    write();
    CHECK(horizon(limits).held_by == "writer");
    CHECK(!horizon(limits).overdue);
    std::this_thread::sleep_for(1100ms);
    const auto now = horizon(limits);
    CHECK(now.held_by == "none");
    REQUIRE(now.overdue.has_value());
    CHECK(now.overdue->age >= 2s);
    CHECK(now.overdue->pid == other.execute("select pg_backend_pid()").integer(0, 0));
    CHECK(horizon().held_by == "writer");
}

TEST_CASE_FIXTURE(fixture, "a transaction of another database does not hold the end back") {
    const test_database another;
    connection elsewhere(another.options());
    elsewhere.begin();
    elsewhere.execute("update emails set first_name = 'x'; select pg_current_xact_id()");
    std::this_thread::sleep_for(150ms);
    CHECK(horizon().held_by == "none");
}

TEST_CASE_FIXTURE(fixture, "a role that may not see other transactions stays behind until it may") {
    const auto role = "watcher_of_" + db.name();
    other.execute("create role " + role);
    reader.execute("set role " + role);
    auto now = horizon();
    CHECK(now.held_by == "hidden");
    CHECK(now.now - now.end == 60s);
    other.execute("grant pg_read_all_stats to " + role);
    now = horizon();
    CHECK(now.held_by == "none");
    reader.execute("reset role");
    other.execute("drop role " + role);
}

TEST_CASE_FIXTURE(fixture, "a session that does not report its transactions counts as hidden") {
    other.execute("set track_activities = off");
    other.execute("select 1");
    CHECK(horizon().held_by == "hidden");
}

TEST_CASE_FIXTURE(fixture, "a server that is not a standby has replayed nothing") {
    const auto position = log_position(reader);
    CHECK(position.find('/') != std::string::npos);
    CHECK_FALSE(has_replayed(other, position));
}
