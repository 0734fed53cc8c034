// SPDX-License-Identifier: MPL-2.0
// Deleted contacts, and rows that contacts lose.
#include "sync_fixture.hpp"

#include <ctms/service/erasures.hpp>

using namespace ctms;
using namespace std::chrono_literals;
using test::becomes_true;
using test::sync_fixture;
using kind = test::fake_fault::kind;

TEST_CASE_FIXTURE(sync_fixture, "sync: a deleted contact is deleted from all tables of the vendor") {
    add(1, 3);
    pay(1, {"prod_a", "prod_b"});
    pay(2, {"prod_a"});
    REQUIRE(run_until_idle());
    CHECK(vendor.products().size() == 3);
    remove(1);
    REQUIRE(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(vendor.products().size() == 1);
    CHECK(value("select count(*) from ctms_vendor_state") == "2");
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: an erasure is confirmed when the vendor has deleted the person from all tables") {
    add(1, 2);
    pay(1, {"prod_a"});
    REQUIRE(run_until_idle());
    const auto address = value(fmt::format("select primary_email from emails where email_id = '{}'", id(1)));
    service::erasures erasures(pool);
    fault(kind::status, "RemoveRecipient", "", 500, 1);
    const auto receipt = erasures.erase(address, false).value().receipt;
    CHECK(erasures.get(receipt.id).value().vendor == model::vendor_erasure::waiting);
    REQUIRE(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(vendor.products().empty());
    CHECK(erasures.get(receipt.id).value().vendor == model::vendor_erasure::confirmed);
    CHECK(value("select count(*) from ctms_vendor_state") == "1");
    CHECK(value("select count(*) from ctms_sync_queue") == "0");
    CHECK(log_text().find(address) == std::string::npos);
}

TEST_CASE_FIXTURE(sync_fixture, "sync: rows that a contact loses are deleted at the vendor") {
    add(1, 1, {"app-dev", "common-voice", "firefox-news"});
    pay(1, {"prod_a", "prod_b"});
    const auto lose = [&] {
        change(1, [](model::contact& one) { one.newsletters.erase(one.newsletters.begin() + 1); });
        pay(1, {"prod_b"});
    };
    SUBCASE("when the contact is sent again") {
        REQUIRE(run_until_idle());
        lose();
        REQUIRE(run_until_idle());
        CHECK(vendor.newsletters().size() == 2);
        CHECK(vendor.products().size() == 1);
        CHECK(difference().empty());
    }
    SUBCASE("when nothing else has changed") {
        options.skip_unchanged = true;
        REQUIRE(run_until_idle());
        lose();
        REQUIRE(run_until_idle());
        CHECK(difference().empty());
    }
    SUBCASE("even when the first attempts fail") {
        REQUIRE(run_until_idle());
        fault(kind::status, "DeleteRelationalTableData", "", 500, 2);
        fault(kind::fault_answer, "AddRecipient", "", 50, 1);
        lose();
        REQUIRE(run_until_idle());
        CHECK(difference().empty());
    }
}

TEST_CASE_FIXTURE(sync_fixture, "sync: rows to delete are remembered when the vendor goes down before their calls") {
    options.batch_limit = 40;
    options.connections = 1;
    options.longest_wait = 50ms;
    add(1, 3);
    for (int n = 1; n <= 3; ++n) pay(n, {fmt::format("prod_{}", n)});
    REQUIRE(run_until_idle());
    // The vendor stops answering at the product rows. The deletions of newsletter rows come after these.
    fault(kind::status, "InsertUpdateRelationalTable", "prod_", 500, 5);
    for (int n = 1; n <= 3; ++n) change(n, [](model::contact& one) { one.newsletters.pop_back(); });
    CHECK(cycle().vendor_down);
    CHECK(vendor.newsletters().size() == 6);
    CHECK(run_until_idle());
    CHECK(vendor.newsletters().size() == 3);
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: all mapped newsletters are deleted for a contact that only the Python service sent") {
    add(1, 2, {"app-dev", "common-voice", "firefox-news"});
    REQUIRE(run_until_idle());
    link.execute("delete from ctms_vendor_state");
    remove(1);
    REQUIRE(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: deleting a contact that was never sent is not a failure") {
    add(1, 1);
    remove(1);
    REQUIRE(run_until_idle());
    CHECK(totals.synced == 1);
    CHECK(totals.retried + totals.failed == 0);
    CHECK_FALSE(vendor_knows(1));
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact is deleted while it is being sent") {
    add(1, 2);
    pay(1, {"prod_a"});
    vendor.set_latency(1500ms);
    SUBCASE("during the call for the main row") {
        const auto running = begin_cycle();
        remove(1);
    }
    SUBCASE("during the calls for the other rows") {
        const auto running = begin_cycle(3);
        remove(1);
    }
    CHECK(row(1) == "delete 0 pending free");
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(difference().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that vanishes between claim and read is deleted with all its rows") {
    add(1, 1, {"app-dev", "not-mapped"});
    pay(1, {"prod_a"});
    REQUIRE(run_until_idle());
    CHECK(vendor.products().size() == 1);
    write(1, "again");
    link.begin();
    link.execute("lock table acoustic_field in access exclusive mode");
    auto& worker = sync();
    {
        std::jthread running([&] { (void)worker.run_cycle(); });
        persistence::connection other(db.options());
        REQUIRE(becomes_true([&] { return !other.execute("select from ctms_sync_queue where claimed_by is not null").empty(); }));
        other.execute(fmt::format("delete from newsletters where email_id = '{0}'", id(1)));
        other.execute(fmt::format("delete from fxa where email_id = '{0}'", id(1)));
        other.execute(fmt::format("delete from pending_acoustic where email_id = '{0}'", id(1)));
        other.execute(fmt::format("delete from emails where email_id = '{0}'", id(1)));
        link.commit();
    }
    CHECK(value("select string_agg(what || ' ' || email_id, ',') from ctms_inbox where what <> 'change'") == "delete " + id(1));
    CHECK(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(vendor.products().empty());
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a contact that is recreated under the same id during its deletion exists in the end") {
    add(1, 1);
    REQUIRE(run_until_idle());
    remove(1);
    vendor.set_latency(1500ms);
    {
        const auto running = begin_cycle();
        add(1, 1, {"firefox-news"});
    }
    CHECK(row(1) == "delete 0 pending free"); // the next claim sees that the contact exists
    vendor.set_latency(0ms);
    CHECK(run_until_idle());
    CHECK(difference().empty());
    CHECK(vendor_name(1) == "name1");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: a failed deletion is retried with the address and deletes every row") {
    add(1, 1);
    pay(1, {"prod_a"});
    REQUIRE(run_until_idle());
    remove(1);
    SUBCASE("of the contact itself") { fault(kind::status, "RemoveRecipient", "", 503, 2); }
    SUBCASE("of its rows") { fault(kind::row_transient, "DeleteRelationalTableData", id(1), 0, 3); }
    SUBCASE("with a lost answer") { fault(kind::cut, "", "", 0, 3); }
    CHECK(run_until_idle());
    CHECK(totals.retried > 0);
    CHECK_FALSE(vendor_knows(1));
    CHECK(value("select count(*) from ctms_vendor_state") == "0");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: columns that lost their source are emptied at the vendor, and others are never sent") {
    add(1, 2);
    change(1, [](model::contact& one) {
        one.amo.emplace().user_id = "amo1";
        one.fxa.emplace().fxa_id = "fxa1";
        one.fxa->lang = "de";
    });
    REQUIRE(run_until_idle());
    const auto column = [&](int number, const std::string& name) {
        const auto row = vendor.contacts().at(id(number));
        const auto found = row.find(name);
        return found == row.end() ? std::string("never sent") : found->second;
    };
    const auto mapped = value("select destination from acoustic_newsletter_mapping where source = 'app-dev'");
    REQUIRE(column(1, "amo_user_id") == "amo1");
    REQUIRE(column(1, "fxa_id") == "fxa1");
    REQUIRE(column(1, "first_name") == "name1");
    std::vector<std::string> emptied{"amo_user_id", "fxa_id", "fxa_lang"};
    const auto lose_accounts = [&] {
        change(1, [](model::contact& one) {
            one.amo.reset();
            one.fxa.reset();
        });
    };
    SUBCASE("the contact's accounts were deleted") { lose_accounts(); }
    SUBCASE("the accounts were deleted, and unchanged tables are skipped") {
        options.skip_unchanged = true;
        restart();
        lose_accounts();
    }
    SUBCASE("the accounts were deleted, and the first attempt fails") {
        fault(kind::fault_answer, "AddRecipient", id(1), 50, 1);
        lose_accounts();
    }
    SUBCASE("a field is not sent any more") {
        emptied = {"first_name"};
        link.execute("delete from acoustic_field where field = 'first_name'");
        request(1, 1);
    }
    SUBCASE("a newsletter is not mapped any more") {
        emptied = {mapped};
        link.execute("delete from acoustic_newsletter_mapping where source = 'app-dev'");
        request(1, 1);
    }
    REQUIRE(run_until_idle());
    for (const auto& name : emptied) {
        CAPTURE(name);
        CHECK(column(1, name).empty());
    }
    // They are emptied once, and only for contacts that had them.
    const auto before = vendor.last_calls().size();
    write(1, "later");
    write(2, "later");
    REQUIRE(run_until_idle());
    const auto all = vendor.last_calls();
    for (std::size_t i = before; i < all.size(); ++i) {
        if (all[i].find(id(1)) == std::string::npos) continue;
        for (const auto& name : emptied) CHECK(all[i].find("<NAME>" + name + "</NAME>") == std::string::npos);
    }
    CHECK(column(2, "amo_user_id") == "never sent");
}

TEST_CASE_FIXTURE(sync_fixture, "sync: rows of all products are deleted for a contact that only the Python service sent") {
    add(1, 2);
    pay(1, {"prod_a", "prod_b"});
    pay(2, {"prod_b"});
    REQUIRE(run_until_idle());
    link.execute("delete from ctms_vendor_state");
    remove(1);
    REQUIRE(run_until_idle());
    CHECK_FALSE(vendor_knows(1));
    CHECK(vendor.products().size() == 1);
}
