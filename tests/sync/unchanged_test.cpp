// SPDX-License-Identifier: MPL-2.0
// Skipping what the vendor already has, without skipping anything that it may not have.
#include "sync_fixture.hpp"

#include <ctms/service/sync_admin.hpp>

using namespace ctms;
using namespace std::chrono_literals;
using test::sync_fixture;
using kind = test::fake_fault::kind;

namespace {

/// A sync that skips unchanged tables, and contacts that the vendor already has.
struct unchanged_fixture : sync_fixture {
    unchanged_fixture() {
        options.skip_unchanged = true;
        add(1, 5);
        pay(1, {"prod_a"});
        REQUIRE(run_until_idle());
        REQUIRE(difference().empty());
        totals = {};
        before = calls();
    }
    /// The number of calls since the constructor.
    [[nodiscard]] int more() const { return calls() - before; }

    int before = 0;
};

} // namespace

TEST_CASE_FIXTURE(unchanged_fixture, "sync: what the vendor already has is not sent again") {
    request(1, 5);
    CHECK(cycle().synced == 5);
    CHECK(more() == 0);
    CHECK(waiting() == 0);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: a resync sends what the vendor already has, all tables of it") {
    REQUIRE(service::sync_admin(pool).resync({}).done.queued == 5);
    const auto contacts = calls("AddRecipient");
    REQUIRE(run_until_idle());
    CHECK(calls("AddRecipient") - contacts == 5);
    CHECK(more() > 5); // also the rows of newsletters and products
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: without the setting everything is sent on every request") {
    add(1, 5);
    REQUIRE(run_until_idle());
    const auto contacts = calls("AddRecipient"), all = calls();
    request(1, 5);
    CHECK(cycle().synced == 5);
    CHECK(calls("AddRecipient") - contacts == 5);
    CHECK(calls() - all > 5); // rows of contacts that finish at different times may go in several calls
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: only the table that changed is sent") {
    SUBCASE("main") {
        write(1, "another");
        REQUIRE(run_until_idle());
        CHECK(more() == 1);
        CHECK(calls("AddRecipient") == 6);
    }
    SUBCASE("product") {
        link.execute("update stripe_price set unit_amount = 500");
        request(1, 1);
        REQUIRE(run_until_idle());
        CHECK(more() == 1);
    }
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: a table whose call failed is sent again, even when the contact changes back") {
    std::string method = "AddRecipient";
    SUBCASE("without effect") { fault(kind::fault_answer, method, "", 50, 1); }
    SUBCASE("with effect but a lost answer") { fault(kind::cut, method, "", 0, 1); }
    SUBCASE("rows, with effect but a lost answer") { fault(kind::cut, method = "InsertUpdateRelationalTable", "", 0, 1); }
    options.first_wait = 300ms;
    change(1, [](model::contact& one) {
        one.email.first_name = "between";
        one.newsletters.front().source = "https://example.com/between";
    });
    const auto calls_before = calls(method);
    CHECK(cycle().retried == 1);
    CHECK(calls(method) == calls_before + 1);
    change(1, [](model::contact& one) {
        one.email.first_name = "name1";
        one.newsletters.front().source.reset();
    });
    CHECK(run_until_idle());
    CHECK(calls(method) >= calls_before + 2);
    CHECK(vendor_name(1) == "name1");
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: a value that changes back is sent again if a lost worker sent another one") {
    write(1, "between");
    vendor.set_latency(1500ms);
    {
        const auto running = begin_cycle();
        // As if the worker were killed: it cannot store what it has done.
        link.execute("update ctms_sync_queue set claimed_by = gen_random_uuid(), claimed_until = now()");
    }
    CHECK(vendor_name(1) == "between");
    vendor.set_latency(0ms);
    write(1, "name1");
    CHECK(run_until_idle());
    CHECK(vendor_name(1) == "name1");
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: rows that a lost worker sent are deleted with the contact") {
    vendor.set_latency(1500ms);
    add(6, 6);
    pay(6, {"prod_a"});
    {
        const auto running = begin_cycle(2);
        link.execute("update ctms_sync_queue set claimed_by = gen_random_uuid(), claimed_until = now()");
    }
    CHECK(vendor.products().size() == 2);
    vendor.set_latency(0ms);
    remove(6);
    CHECK(run_until_idle());
    CHECK_FALSE(vendor_knows(6));
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(unchanged_fixture, "sync: after a stop between the calls of a contact, nothing counts as sent") {
    std::stop_source stop;
    vendor.set_latency(1500ms);
    change(1, [](model::contact& one) {
        one.email.first_name = "between";
        one.newsletters.front().source = "https://example.com/between";
    });
    {
        const auto running = begin_cycle(1, stop.get_token());
        stop.request_stop();
    }
    CHECK(vendor_name(1) == "between");
    CHECK(row(1) == "upsert 0 pending free");
    vendor.set_latency(0ms);
    write(1, "name1");
    CHECK(run_until_idle());
    CHECK(difference().empty());
}
