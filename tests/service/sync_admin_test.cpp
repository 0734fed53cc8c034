// SPDX-License-Identifier: MPL-2.0
#include <ctms/service/sync_admin.hpp>

#include <support/closed_database.hpp>
#include <support/queue_database.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms;

TEST_CASE("parked contacts: no ids mean none, and all must be said") {
    test::queue_database db;
    db.request(1, 4);
    db.link.execute("update ctms_sync_queue set state = 'parked'");
    service::sync_admin queue(db.pool);
    CHECK(queue.retry_parked({}).value() == 0);
    CHECK(queue.forget_parked({}).value() == 0);
    CHECK(queue.parked(10).value().size() == 4);
    const std::vector some{db.contact(1), db.contact(9)};
    CHECK(queue.retry_parked(some).value() == 1);
    CHECK(queue.forget_parked(std::vector{db.contact(2)}).value() == 1);
    CHECK(queue.retry_all_parked().value() == 2);
    CHECK(queue.forget_all_parked().value() == 0);
    CHECK(queue.status().value().counts.backlog == 3);
}

TEST_CASE("a resync of all contacts tells its progress, stops when it is asked to, and can run again") {
    test::queue_database db;
    db.link.execute("insert into emails (email_id, primary_email, update_timestamp) select gen_random_uuid(), n || '@example.com', now() "
                    "from generate_series(1, 10001) n");
    service::sync_admin queue(db.pool);
    CHECK(queue.count({}).value() == 10'001);
    std::size_t calls = 0;
    const auto stopped = queue.resync({}, [&](const service::resync_progress& so_far) {
        ++calls;
        CHECK(so_far.looked_at == 10'000);
        return false;
    });
    CHECK(calls == 1);
    CHECK(stopped.stopped);
    CHECK(stopped.done.queued == 10'000);
    CHECK_FALSE(stopped.failure);
    const auto whole = queue.resync({});
    CHECK_FALSE(whole.stopped);
    CHECK(whole.done.chosen == 10'001);
    CHECK(whole.done.queued == 1);
}

TEST_CASE("a resync on a database that is down returns the error") {
    test::test_database where;
    const test::closed_database closed(where);
    persistence::database db(where.options());
    const auto report = service::sync_admin(db).resync({});
    REQUIRE(report.failure);
    CHECK(report.failure->code == errc::unavailable);
    CHECK_FALSE(report.stopped);
}

TEST_CASE("addresses are resynced in steps, with a result for each in its place") {
    test::queue_database db;
    db.insert_contacts(1, 1'200);
    service::sync_admin queue(db.pool);
    std::vector<std::string> addresses{"\xFF", "nobody@example.com"};
    for (int n = 1; n <= 1'200; ++n) addresses.push_back(fmt::format("{}@Example.com", n));
    addresses.emplace_back("a\0b", 3);
    const auto sum = [](const std::vector<model::bulk_outcome>& all) {
        model::bulk_outcome out;
        for (const auto& one : all) {
            out.changed += one.changed;
            out.already += one.already;
            out.other_case += one.other_case;
        }
        return out;
    };
    const auto dry = queue.resync_addresses(addresses, true).value();
    CHECK(sum(dry) == model::bulk_outcome{1'200, 0, 1'200});
    CHECK(db.rows_of("ctms_sync_queue") == 0);
    const auto done = queue.resync_addresses(addresses).value();
    REQUIRE(done.size() == addresses.size());
    CHECK(sum(done) == model::bulk_outcome{1'200, 0, 1'200});
    for (const std::size_t unknown : {0U, 1U, 1'202U}) CHECK(done[unknown] == model::bulk_outcome{});
    CHECK(db.rows_of("ctms_sync_queue") == 1'200);
    CHECK(sum(queue.resync_addresses(addresses).value()) == model::bulk_outcome{0, 1'200, 1'200});
    CHECK(queue.resync_addresses({}).value().empty());
}

TEST_CASE("a resync of a name that cannot be stored is refused") {
    test::queue_database db;
    service::sync_admin queue(db.pool);
    using enum model::resync_selection::kind;
    for (const auto what : {newsletter, waitlist}) {
        for (const auto& name : {std::string("hubs\0", 5), std::string("\xFF")}) {
            const model::resync_selection which{what, name};
            const auto counted = queue.count(which).error();
            CHECK(counted.code == errc::invalid);
            CHECK(counted.message.starts_with("name: "));
            const auto report = queue.resync(which);
            REQUIRE(report.failure);
            CHECK(report.failure->message == counted.message);
        }
    }
    CHECK(queue.count({all, std::string("\0", 1)}).value() == 0); // the name is not used
}
