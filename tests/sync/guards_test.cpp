// SPDX-License-Identifier: MPL-2.0
// What protects the sync against failures of the vendor and of contacts.
#include "sync_fixture.hpp"

#include <persistence/contacts/contact_bulk_repository.hpp>
#include <service/sync_lease.hpp>

#include <algorithm>

using namespace ctms;
using namespace std::chrono_literals;
using test::becomes_true;
using test::sync_fixture;
using kind = test::fake_fault::kind;
using clock_type = std::chrono::steady_clock;

namespace {

constexpr const char* insert = "InsertUpdateRelationalTable";

/// Runs cycles for the length of an outage.
void outage(sync_fixture& all, std::chrono::milliseconds length) {
    const auto end = clock_type::now() + length;
    while (clock_type::now() < end) {
        if (all.cycle().total == 0) std::this_thread::sleep_for(2ms);
    }
}

} // namespace

TEST_CASE_FIXTURE(sync_fixture, "sync: calls run concurrently and share rows") {
    const auto calls_for_ten = [&] {
        const auto before = calls();
        add(1, 10);
        CHECK(run_until_idle());
        return calls() - before;
    };
    options.batch_limit = 10;
    options.gather = 10s;
    SUBCASE("with ten connections") {
        warm_up();
        vendor.set_latency(1s); // long enough for all ten to be in progress at the same time
        CHECK(calls_for_ten() == 11);
        CHECK(vendor.counts().most_at_once == 10);
        CHECK(vendor.counts().connections <= 10);
        CHECK(vendor.counts().refused_as_too_many == 0);
    }
    SUBCASE("with one connection, one after another") {
        options.connections = 1;
        warm_up();
        vendor.set_latency(20ms);
        CHECK(calls_for_ten() == 11);
        CHECK(vendor.counts().most_at_once == 1);
    }
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a full resync stays within the vendor's limits and uses few connections") {
    options.batch_limit = 200;
    options.gather = 10s;
    add(1, 200, {"app-dev", "common-voice", "firefox-news"});
    REQUIRE(run_until_idle());
    CHECK(difference().empty());
    const auto counts = vendor.counts();
    CHECK(counts.calls.at(insert) == 7); // 600 rows, three per contact, at most 99 per call
    CHECK(counts.oversized == 0);
    CHECK(counts.most_at_once <= 10);
    CHECK(counts.connections <= 10);
    CHECK(counts.calls.at("token") == 1);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: an outage that outlasts all retries uses up no attempts") {
    options.retry_limit = 3;
    SUBCASE("no connection succeeds") {
        warm_up();
        add(1, 30);
        vendor.set_down(true);
        outage(*this, 1000ms);
        CHECK(sync().next_probe().has_value());
        CHECK(cycle().vendor_down);
    }
    SUBCASE("every answer is a 503") {
        warm_up();
        add(1, 30);
        fault(kind::status, "", "", 503);
        const auto before = calls();
        outage(*this, 1000ms);
        // One batch, then one probe per pause. Each pause lasts 40 ms or more, except the first two.
        CHECK(calls() - before <= 20 + 1000 / 40 + 3);
        CHECK(vendor.contacts().empty());
    }
    SUBCASE("in the middle of a batch") {
        warm_up();
        add(1, 30);
        vendor.set_latency(1s); // long enough for the fault to meet the call
        {
            const auto running = begin_cycle(21); // the rows are sent after all contacts
            fault(kind::status, "", "", 500);
        }
        vendor.set_latency(200ms);
        outage(*this, 1000ms);
    }
    SUBCASE("of two of the three tables") {
        warm_up();
        add(1, 30);
        fault(kind::status, insert, "", 500);
        outage(*this, 1000ms);
        CHECK(vendor.newsletters().empty());
    }
    CHECK(parked() == 0);
    CHECK(waiting() == 30);
    vendor.clear_faults();
    vendor.set_down(false);
    CHECK(run_until_idle());
    CHECK(difference().empty());
    CHECK(parked() == 0);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: contacts whose calls always fail do not keep the others waiting after an outage") {
    int bad = 1; // more urgent than the others
    int last = 10;
    SUBCASE("one, and the outage met all") {}
    SUBCASE("three, and the outage met all") { bad = 3; }
    SUBCASE("three, and most others were not tried yet") { bad = 3, last = 60; }
    warm_up();
    add(1, last, {});
    link.execute(fmt::format("update ctms_sync_queue set priority = 10 where email_id > '{}'", id(bad)));
    fault(kind::status, "", "", 500);
    outage(*this, 500ms);
    REQUIRE(sync().next_probe().has_value());
    vendor.clear_faults();
    for (int n = 1; n <= bad; ++n) fault(kind::status, "AddRecipient", id(n), 500);
    CHECK(becomes_true([&] {
        cycle();
        return vendor.contacts().size() == static_cast<std::size_t>(last - bad);
    }));
    vendor.clear_faults();
    CHECK(queue.retry_all_parked().has_value());
    CHECK(run_until_idle());
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: after the database's clock was set back, contacts that were queued before are sent") {
    warm_up();
    add(1, 3, {});
    link.execute("update ctms_sync_queue set next_attempt_at = now() + interval '2 days', first_requested_at = now() + interval '2 days',"
                 " last_requested_at = now() + interval '2 days'");
    SUBCASE("with a success") {}
    SUBCASE("after a failure, which counts again") {
        link.execute("update ctms_sync_queue set last_error = 'x', last_attempt_at = now() + interval '2 days'");
        fault(kind::status, "AddRecipient", id(2), 500, 1);
    }
    CHECK(run_until_idle());
    CHECK(totals.synced == 3);
    CHECK(totals.age_s.value_or(0) >= 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that the vendor rejects is parked immediately, with the reason") {
    add(1, 3);
    link.execute(fmt::format("update emails set primary_email = 'no address' where email_id = '{}'", id(2)));
    REQUIRE(run_until_idle());
    CHECK(calls("AddRecipient") == 3);
    CHECK(totals.failed == 1);
    CHECK(totals.retried == 0);
    const auto list = queue.parked(10).value();
    REQUIRE(list.size() == 1);
    CHECK(list[0].email_id == contact(2));
    CHECK(list[0].reason.find("Invalid email address") != std::string::npos);
    CHECK(cycle().total == 0);
    CHECK(difference({2}).empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a bad row does not delay the other rows of its call") {
    int bad = 7;
    options.gather = 10s;
    warm_up();
    SUBCASE("a row that is refused permanently") { fault(kind::row_permanent, insert, id(7)); }
    SUBCASE("a call that is refused permanently") { fault(kind::fault_answer, insert, id(7), 121); }
    SUBCASE("a row that fails temporarily") { fault(kind::row_transient, insert, id(7)); }
    SUBCASE("a call that fails temporarily") { fault(kind::fault_answer, insert, id(7), 50); }
    SUBCASE("a call that is answered with 500") { fault(kind::status, insert, id(7), 500); }
    SUBCASE("the first contact's call is answered with 500") { fault(kind::status, insert, id(bad = 1), 500); }
    SUBCASE("the last contact's call is answered with 500") { fault(kind::status, insert, id(bad = 20), 500); }
    add(1, 20);
    const auto report = cycle();
    CHECK(report.total == 20);
    CHECK(report.synced == 19);
    CHECK_FALSE(report.vendor_down);
    CHECK(difference({bad}).empty());
    CHECK(waiting() + parked() == 1);
    CHECK(value("select email_id from ctms_sync_queue") == id(bad));
    vendor.clear_faults();
    CHECK(queue.retry_all_parked().has_value());
    CHECK(run_until_idle());
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a thousand writes to a contact need one row in the queue and one call") {
    SUBCASE("writes by this version") {
        add(1, 1);
        for (int n = 0; n < 1000; ++n) write(1, fmt::format("name{}", n));
        CHECK(waiting() == 1);
    }
    SUBCASE("writes by the Python service, which queues each of them") {
        add(1, 1);
        link.execute(fmt::format("insert into pending_acoustic (email_id, retry, update_timestamp)"
                                 " select '{}', 0, now() from generate_series(1, 1000)",
                                 id(1)));
        CHECK(value("select count(*) from pending_acoustic where email_id = '" + id(1) + "'") == "1000");
    }
    CHECK(cycle().synced == 1);
    CHECK(calls("AddRecipient") == 1);
    CHECK(difference().empty());
    CHECK(value("select (select count(*) from ctms_sync_queue) + (select count(*) from ctms_inbox) + (select count(*) from "
                "pending_acoustic)") == "0");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: no call begins in the last third of a lease") {
    persistence::vendor_slots slots(pool, 10);
    const auto holds_after = [&](std::chrono::seconds passed) {
        return service::sync_lease(queue, slots, uuid::random(), 1, 300s, service::sync_lease::clock::now() - passed).holds();
    };
    CHECK(holds_after(0s));
    CHECK(holds_after(150s));
    CHECK_FALSE(holds_after(200s));
    CHECK_FALSE(holds_after(290s));
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a write while its contact is being sent") {
    add(1, 1);
    vendor.set_latency(1500ms);
    SUBCASE("is sent by a later cycle") {
        begin_cycle().join();
        request(1, 1);
        {
            const auto running = begin_cycle();
            write(1, "second");
        }
        CHECK(vendor_name(1) == "name1");
        CHECK(row(1) == "upsert 0 pending free");
        vendor.set_latency(0ms);
        CHECK(run_until_idle());
        CHECK(vendor_name(1) == "second");
        CHECK(difference().empty());
    }
    SUBCASE("is sent by a later cycle, also if it opts out a list of addresses") {
        {
            const auto running = begin_cycle();
            const std::vector<std::string> addresses{"user1@example.com"};
            REQUIRE(persistence::contact_bulk_repository(pool).suppress(addresses).value().front().changed == 1);
        }
        CHECK(vendor.contacts().at(id(1)).at("has_opted_out_of_email") == "0");
        vendor.set_latency(0ms);
        CHECK(run_until_idle());
        CHECK(vendor.contacts().at(id(1)).at("has_opted_out_of_email") == "1");
        CHECK(difference().empty());
    }
    SUBCASE("is lost if the queue does not count requests") {
        link.execute("create function forget() returns trigger language plpgsql as"
                     " $$ begin new.version := old.version; return new; end $$");
        link.execute("create trigger forget before update on ctms_sync_queue for each row execute function forget()");
        {
            const auto running = begin_cycle();
            write(1, "second");
        }
        vendor.set_latency(0ms);
        CHECK(run_until_idle());
        CHECK(vendor_name(1) == "name1");
        CHECK_FALSE(difference().empty());
    }
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a call that gets no answer") {
    test::fake_fault stuck;
    stuck.what = kind::stall;
    stuck.method = "AddRecipient";
    stuck.holds = id(2);
    stuck.times = 1;
    stuck.wait = 2500ms;
    SUBCASE("times out and is retried") {
        stuck.wait = 60s;
        call_timeout = 2s;
        warm_up();
        add(1, 3);
        vendor.add_fault(stuck);
        const auto start = clock_type::now();
        CHECK(run_until_idle());
        CHECK(clock_type::now() - start < 30s);
        CHECK(totals.retried == 1);
        CHECK(totals.synced == 3);
        CHECK(difference().empty());
    }
    SUBCASE("holds up the cycle when the timeout is long") {
        call_timeout = 20s;
        add(1, 3);
        vendor.add_fault(stuck);
        std::atomic<bool> ended = false;
        auto& worker = sync();
        std::jthread running([&] {
            (void)worker.run_cycle();
            ended = true;
        });
        CHECK_FALSE(becomes_true([&] { return ended.load(); }, 1200ms));
    }
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a rejected contact in every batch does not delay the other contacts") {
    options.batch_limit = 10;
    for (int n = 3; n <= 50; n += 10) fault(kind::row_permanent, n % 20 == 3 ? insert : "AddRecipient", id(n));
    add(1, 50);
    int cycles = 0;
    while (waiting() > 0 && ++cycles < 20) cycle();
    CHECK(cycles == 5);
    CHECK(totals.synced == 45);
    CHECK(totals.failed == 5);
    CHECK(difference({3, 13, 23, 33, 43}).empty());
}
