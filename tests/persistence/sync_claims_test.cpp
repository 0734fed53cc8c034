// SPDX-License-Identifier: MPL-2.0
// Which sync worker gets which rows, and for how long.
#include <support/queue_database.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using ctms::uuid;
using ctms::persistence::connection;
using ctms::persistence::sent_contact;
using ctms::persistence::sync_queue_repository;
using ctms::persistence::vendor_state;
using ctms::test::queue_database;

namespace {

const uuid worker_a = uuid::random();
const uuid worker_b = uuid::random();

void fill(queue_database& db, int count) {
    db.link.execute(fmt::format("insert into ctms_sync_queue (email_id)"
                                " select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid from generate_series(1, {}) n",
                                count));
}

} // namespace

TEST_CASE("workers that claim concurrently get every row exactly once") {
    queue_database db;
    fill(db, 1000);
    std::vector<std::vector<int>> taken(4);
    std::vector<std::thread> workers;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (auto& mine : taken) {
        workers.emplace_back([&db, &mine, deadline] {
            ctms::persistence::database pool(db.db.options());
            sync_queue_repository queue(pool);
            const auto me = uuid::random();
            // An empty result may only mean that others hold the locks right now.
            for (int empty = 0; empty < 20 && std::chrono::steady_clock::now() < deadline;) {
                const auto got = queue.claim(me, 7, 600s);
                if (!got) return;
                empty = got->empty() ? empty + 1 : 0;
                for (const auto& one : *got) mine.push_back(queue_database::number(one.email_id));
            }
        });
    }
    for (auto& worker : workers) worker.join();
    std::multiset<int> all;
    for (const auto& mine : taken) all.insert(mine.begin(), mine.end());
    CHECK(all.size() == 1000);
    CHECK(std::set<int>(all.begin(), all.end()).size() == 1000);
    CHECK(db.value("select count(*) from ctms_sync_queue where claimed_by is null") == "0");
}

TEST_CASE("writes come before a resync, then the rows that have been due longest, then the earliest requests") {
    queue_database db;
    db.request(1, 7);
    db.link.execute(fmt::format("update ctms_sync_queue set priority = 10, next_attempt_at = now() - interval '1 day'"
                                " where email_id in ('{}', '{}')",
                                db.id(1), db.id(2)));
    db.link.execute(fmt::format("update ctms_sync_queue set next_attempt_at = now() - interval '2 day' where email_id = '{}'", db.id(2)));
    db.link.execute("update ctms_sync_queue set next_attempt_at = '2020-01-01' where priority = 0");
    db.link.execute(fmt::format("update ctms_sync_queue set next_attempt_at = '2019-01-01' where email_id = '{}'", db.id(5)));
    db.link.execute(fmt::format("update ctms_sync_queue set first_requested_at = '2018-01-01' where email_id = '{}'", db.id(6)));
    db.link.execute(fmt::format("update ctms_sync_queue set next_attempt_at = now() + interval '1 hour' where email_id = '{}'", db.id(3)));
    db.link.execute(fmt::format("update ctms_sync_queue set state = 'parked' where email_id = '{}'", db.id(7)));
    SUBCASE("in one claim") { CHECK(queue_database::numbers(db.claim(worker_a)) == "5,6,4,2,1"); }
    SUBCASE("in several") {
        CHECK(queue_database::numbers(db.claim(worker_a, 2)) == "5,6");
        CHECK(queue_database::numbers(db.claim(worker_b, 2)) == "4,2");
        CHECK(queue_database::numbers(db.claim(worker_a, 2)) == "1");
        CHECK(db.claim(worker_b, 2).empty());
    }
    SUBCASE("none if none is wanted") { CHECK(db.claim(worker_a, 0).empty()); }
}

TEST_CASE("after the clock was set back, rows whose time lies too far ahead are due, and claims end within the longest lease") {
    queue_database db;
    db.request(1, 6);
    db.link.execute("update ctms_sync_queue set priority = 10 where email_id::text ~ '[246]$'");
    const auto set = [&](int number, const std::string& what) {
        db.link.execute(fmt::format("update ctms_sync_queue set {} where email_id = '{}'", what, db.id(number)));
    };
    set(1, "next_attempt_at = now() + interval '2 days'");
    set(2, "next_attempt_at = now() + interval '61 minutes'");
    set(3, "next_attempt_at = now() + interval '59 minutes'");
    set(4, fmt::format("claimed_by = '{}', claimed_until = now() + interval '2 days'", worker_a.to_string()));
    set(5, fmt::format("claimed_by = '{}', claimed_until = now() + interval '1 minute'", worker_a.to_string()));
    set(6, "state = 'parked', next_attempt_at = now() + interval '2 days'");
    CHECK(db.claim(worker_b).empty());
    REQUIRE(db.queue.bring_times_back().has_value());
    CHECK(queue_database::numbers(db.claim(worker_b)) == "1,2");
    CHECK(db.claim(worker_b).empty());
    const auto claim_of = [&](int number) {
        return db.value(fmt::format("select claimed_by = '{}' and claimed_until between now() and now() + interval '1 hour'"
                                    " from ctms_sync_queue where email_id = '{}'",
                                    worker_a.to_string(), db.id(number)));
    };
    CHECK(claim_of(4) == "t"); // its worker may still live: it keeps the row until a lease has passed
    CHECK(claim_of(5) == "t");
    CHECK(db.value("select count(*) from ctms_sync_queue where next_attempt_at > now() + interval '1 hour'") == "1"); // the parked one
    CHECK(db.queue.renew(worker_a, 60s).value() == 2);
    CHECK(db.value("select count(*) from ctms_sync_queue where claimed_until > now() + interval '61 seconds'") == "0");
}

TEST_CASE("many rows whose time lies too far ahead are due after some calls, and rows of others are not waited for") {
    queue_database db;
    db.insert_contacts(1, 2500);
    db.link.execute("insert into ctms_sync_queue (email_id, next_attempt_at, priority)"
                    " select email_id, now() + interval '2 days', 10 from emails");
    ctms::persistence::connection other(db.db.options());
    other.begin();
    other.execute(fmt::format("select from ctms_sync_queue where email_id = '{}' for update", db.id(7)));
    REQUIRE(db.queue.bring_times_back().has_value());
    CHECK(db.value("select count(*) from ctms_sync_queue where next_attempt_at > now()") == "1");
    other.rollback();
    REQUIRE(db.queue.bring_times_back().has_value());
    CHECK(db.value("select count(*) from ctms_sync_queue where next_attempt_at > now()") == "0");
}

TEST_CASE("a claim can leave out the rows that were tried a moment ago") {
    queue_database db;
    db.request(1, 4);
    const auto tried = [&](int number, const std::string& when) {
        db.link.execute(
            fmt::format("update ctms_sync_queue set last_attempt_at = now() + interval '{}' where email_id = '{}'", when, db.id(number)));
    };
    tried(1, "-5 seconds");
    tried(2, "-1 minute");
    tried(3, "1 day"); // before the clock was set back
    CHECK(queue_database::numbers(db.queue.claim(worker_a, 10, 60s, ctms::persistence::any_priority, 30s).value()) == "2,3,4");
    CHECK(queue_database::numbers(db.claim(worker_a)) == "1");
}

TEST_CASE("a claim returns all data about a contact") {
    queue_database db;
    db.insert_contacts(1, 2);
    db.request(1, 1);
    db.request(1, 1);
    db.link.execute(fmt::format("update ctms_sync_queue set retry = 2, first_requested_at = 'epoch'::timestamptz + interval '1500 ms',"
                                " last_attempt_at = 'epoch'::timestamptz + interval '7 s' where email_id = '{}'",
                                db.id(1)));
    db.link.execute(fmt::format("delete from emails where email_id = '{}'", db.id(2)));
    const auto got = db.claim(worker_a);
    REQUIRE(queue_database::numbers(got) == "1,2");
    CHECK_FALSE(got[0].is_deletion);
    CHECK(got[0].primary_email.empty());
    CHECK(got[0].version == 2);
    CHECK(got[0].retry == 2);
    CHECK(got[0].first_requested_at == ctms::timestamp(1500ms));
    CHECK(got[0].last_attempt_at == ctms::timestamp(7s));
    CHECK_FALSE(got[0].sent.has_value());
    CHECK(got[1].is_deletion);
    CHECK(got[1].primary_email == "2@example.com");
    CHECK(got[1].version == 1);
    CHECK_FALSE(got[1].last_attempt_at.has_value());
}

TEST_CASE("the vendor's state is returned as it was recorded, whatever the names are") {
    queue_database db;
    db.insert_contacts(1, 1);
    vendor_state sent{"main",       "",
                      "x'y\"z",     {"a \"b\" c", "d,e", "{f}", "\\g", "Ünï ☃ 😀", "NULL", "", "tab\there"},
                      {"prod_'1'"}, {"a \"column\"", "Ünï"}};
    for (int round = 0; round < 2; ++round) {
        db.request(1, 1);
        const auto got = db.claim(worker_a);
        REQUIRE(got.size() == 1);
        if (round == 1) CHECK(got[0].sent == sent);
        REQUIRE(db.complete(worker_a, got[0], sent));
    }
    sent.newsletters = {};
    sent.products = {"one", "two"};
    db.request(1, 1);
    const auto third = db.claim(worker_a);
    REQUIRE(db.complete(worker_a, third.at(0), sent));
    db.request(1, 1);
    CHECK(db.claim(worker_a).at(0).sent == sent);
}

TEST_CASE("the possible state at the vendor is recorded only for contacts that the worker has claimed") {
    queue_database db;
    db.request(1, 3);
    REQUIRE(db.claim(worker_a, 2).size() == 2);
    REQUIRE(db.claim(worker_b, 1).size() == 1);
    const vendor_state maybe{"", "b", "", {"a \"b\"", "c,d"}, {}};
    const vendor_state later{"a", "", "c", {}, {"prod"}, {"email", "sub \"x\""}};
    const std::vector<sent_contact> all{{db.contact(1), 1, maybe}, {db.contact(3), 1, maybe}, {db.contact(2), 1, later}};
    REQUIRE(db.queue.note_states(worker_a, all).has_value());
    REQUIRE(db.queue.note_states(worker_a, {}).has_value());
    CHECK(db.rows_of("ctms_vendor_state") == 2);
    const std::vector<sent_contact> again{{db.contact(1), 1, later}};
    REQUIRE(db.queue.note_states(worker_a, again).has_value());
    db.expire_leases();
    const auto got = db.claim(worker_b);
    REQUIRE(queue_database::numbers(got) == "1,2,3");
    CHECK(got[0].sent == later);
    CHECK(got[1].sent == later);
    CHECK_FALSE(got[2].sent.has_value());
}

TEST_CASE("a claim excludes others until its lease ends, even for a contact that is written meanwhile") {
    queue_database db;
    db.request(1, 3);
    const auto mine = db.claim(worker_a);
    CHECK(mine.size() == 3);
    db.request(2, 2);
    CHECK(db.row(2) == "upsert 2 0 pending 0 claimed due");
    CHECK(db.claim(worker_b).empty());
    CHECK(db.claim(worker_a).empty());
    db.expire_leases();
    const auto got = db.claim(worker_b);
    CHECK(got.size() == 3);
    // The first worker has lost them.
    CHECK_FALSE(db.complete(worker_a, mine.at(0), vendor_state{}));
    CHECK_FALSE(db.queue.fail(worker_a, mine.at(1), {"late", true}, vendor_state{}).value());
    REQUIRE(db.queue.release(worker_a, std::vector{mine.at(2).email_id}).has_value());
    CHECK(db.rows_of("ctms_vendor_state") == 0);
    for (int n = 1; n <= 3; ++n) CHECK(db.row(n).find("pending 0 claimed due") != std::string::npos);
    CHECK(db.queue.renew(worker_a, 60s).value() == 0);
    CHECK(db.queue.renew(worker_b, 60s).value() == 3);
}

TEST_CASE("a renewed lease remains valid") {
    queue_database db;
    db.request(1, 2);
    db.claim(worker_a);
    db.expire_leases();
    CHECK(db.queue.renew(worker_a, 60s).value() == 2);
    CHECK(db.claim(worker_b).empty());
    CHECK(
        db.value("select count(*) from ctms_sync_queue where claimed_until between now() + interval '50 s' and now() + interval '60 s'") ==
        "2");
}

TEST_CASE("a worker releases the rows that it names, and only its own") {
    queue_database db;
    db.request(1, 4);
    const auto mine = db.claim(worker_a, 3);
    const auto other = db.claim(worker_b, 3);
    REQUIRE(queue_database::numbers(other) == "4");
    REQUIRE(db.queue.release(worker_a, std::vector{mine[0].email_id, mine[1].email_id, other[0].email_id}).has_value());
    CHECK(db.row(1) == "upsert 1 0 pending 0 free due");
    CHECK(db.row(2) == "upsert 1 0 pending 0 free due");
    CHECK(db.row(3) == "upsert 1 0 pending 0 claimed due");
    CHECK(db.row(4) == "upsert 1 0 pending 0 claimed due");
    REQUIRE(db.queue.release(worker_a, std::vector<uuid>{}).has_value());
    CHECK(queue_database::numbers(db.claim(worker_b)) == "1,2");
}

TEST_CASE("a claim does not wait for a contact that is being written") {
    queue_database db;
    db.request(1, 2);
    connection writer(db.db.options());
    writer.begin();
    writer.execute(queue_database::request_sql(1));
    CHECK(queue_database::numbers(db.claim(worker_a)) == "2");
    writer.commit();
    const auto rest = db.claim(worker_a);
    CHECK(queue_database::numbers(rest) == "1");
    CHECK(rest.at(0).version == 2);
}
