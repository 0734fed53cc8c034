// SPDX-License-Identifier: MPL-2.0
#include <persistence/stripe/stripe_repository.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace stripe = ctms::model::stripe;
using ctms::persistence::connection;
using ctms::test::test_database;

namespace {

using actions = std::map<std::string, std::set<std::string>, std::less<>>;

ctms::timestamp at(int seconds) { return ctms::timestamp(std::chrono::seconds(seconds)); }

stripe::customer customer(const std::string& id, const std::string& fxa_id) { return {id, at(100), fxa_id, {}, "pm_1", {}}; }

stripe::price price(const std::string& id, int amount = 999) { return {id, "prod_" + id, at(50), true, "usd", "month", 1, amount}; }

stripe::subscription_item item(const std::string& id, const std::string& subscription, const stripe::price& price) {
    return {id, at(200), subscription, price};
}

stripe::subscription subscription(const std::string& id, const std::string& customer, std::vector<stripe::subscription_item> items) {
    stripe::subscription out;
    out.id = id;
    out.created = out.start_date = out.current_period_start = at(200);
    out.current_period_end = at(300);
    out.customer_id = customer;
    out.status = "active";
    out.items = std::move(items);
    return out;
}

stripe::invoice invoice(const std::string& id, const std::string& customer, std::vector<stripe::line_item> lines) {
    return {id, at(400), customer, "usd", 1000, "open", {}, {}, std::move(lines), false};
}

stripe::line_item line(const std::string& id, const stripe::price& price) {
    return {id, "subscription", price, {}, "sub_1", "si_1", 1000, "usd"};
}

/// A database with contacts that have one Firefox account each.
struct stripe_database {
    stripe_database() {
        for (int number = 1; number <= 3; ++number) {
            link.execute(
                fmt::format("insert into emails (email_id, primary_email, update_timestamp) values ('{0}', '{1}@example.com', now());"
                            "insert into fxa (email_id, fxa_id, account_deleted, update_timestamp)"
                            " values ('{0}', 'account{1}', false, now())",
                            contact(number), number));
        }
    }
    static std::string contact(int number) { return fmt::format("00000000-0000-4000-8000-{:012}", number); }

    actions ingest(const stripe::object& object) { return repository.ingest(object).value().actions; }

    /// Returns the numbers of the contacts that were queued since the last call: "1,3".
    std::string queued() {
        const auto found = link.execute("with gone as (delete from ctms_sync_queue returning email_id)"
                                        " select string_agg(ltrim(right(email_id::text, 12), '0'), ',' order by email_id) from gone");
        return std::string(found.text(0, 0));
    }
    std::string value(const std::string& sql) {
        const auto found = link.execute(sql);
        return found.empty() ? "" : std::string(found.text(0, 0));
    }

    test_database db;
    ctms::persistence::database pool{db.options()};
    ctms::persistence::stripe_repository repository{pool};
    connection link{db.options()};
};

} // namespace

TEST_CASE("an object is created, the same object again changes and queues nothing, and another value updates it") {
    stripe_database db;
    CHECK(db.ingest(customer("cus_1", "account1")) == actions{{"created", {"customer:cus_1"}}});
    CHECK(db.queued() == "1");
    CHECK(db.ingest(customer("cus_1", "account1")) == actions{{"no_change", {"customer:cus_1"}}});
    CHECK(db.queued().empty());
    auto changed = customer("cus_1", "account1");
    changed.default_source_id = "card_1";
    CHECK(db.ingest(changed) == actions{{"updated", {"customer:cus_1"}}});
    CHECK(db.queued() == "1");
    CHECK(db.value("select concat_ws(' ', fxa_id, default_source_id, invoice_settings_default_payment_method_id,"
                   " extract(epoch from stripe_created)::int, deleted) from stripe_customer") == "account1 card_1 pm_1 100 f");

    const auto first = subscription("sub_1", "cus_1", {item("si_1", "sub_1", price("p1")), item("si_2", "sub_1", price("p2"))});
    CHECK(db.ingest(first) ==
          actions{{"created", {"price:p1", "price:p2", "subscription:sub_1", "subscription_item:si_1", "subscription_item:si_2"}}});
    CHECK(db.queued() == "1");
    CHECK(db.ingest(first).contains("no_change"));
    CHECK(db.ingest(first).size() == 1);
    CHECK(db.queued().empty());
    auto canceled = first;
    canceled.status = "canceled";
    canceled.canceled_at = canceled.ended_at = at(250);
    CHECK(db.ingest(canceled).at("updated") == std::set<std::string>{"subscription:sub_1"});
    CHECK(db.queued() == "1");

    const auto bill = invoice("in_1", "cus_1", {line("il_1", price("p1")), line("il_2", price("p3"))});
    CHECK(db.ingest(bill) ==
          actions{{"created", {"invoice:in_1", "line_item:il_1", "line_item:il_2", "price:p3"}}, {"no_change", {"price:p1"}}});
    CHECK(db.queued() == "1");
    CHECK(db.ingest(bill).size() == 1);
    CHECK(db.queued().empty());
}

TEST_CASE("items and lines that are no longer listed are deleted unless the list is incomplete") {
    stripe_database db;
    db.ingest(customer("cus_1", "account1"));
    const auto one = item("si_1", "sub_1", price("p1"));
    const auto two = item("si_2", "sub_1", price("p2"));
    db.ingest(subscription("sub_1", "cus_1", {one, two}));
    db.queued();
    auto page = subscription("sub_1", "cus_1", {two});
    page.has_more_items = true;
    CHECK_FALSE(db.ingest(page).contains("deleted"));
    CHECK(db.queued().empty());
    page.has_more_items = false;
    CHECK(db.ingest(page).at("deleted") == std::set<std::string>{"subscription_item:si_1"});
    CHECK(db.queued() == "1");

    auto bill = invoice("in_1", "cus_1", {line("il_1", price("p1")), line("il_2", price("p1"))});
    db.ingest(bill);
    bill.lines.pop_back();
    bill.has_more_lines = true;
    CHECK_FALSE(db.ingest(bill).contains("deleted"));
    bill.has_more_lines = false;
    CHECK(db.ingest(bill).at("deleted") == std::set<std::string>{"line_item:il_2"});
}

TEST_CASE("a customer that takes over another's account deletes the other customer") {
    stripe_database db;
    db.ingest(customer("cus_1", "account1"));
    db.queued();
    const auto taken = db.repository.ingest(customer("cus_2", "account1")).value();
    CHECK(taken.actions == actions{{"created", {"customer:cus_2"}}, {"deleted", {"customer:cus_1"}}});
    CHECK(taken.fxa_id_conflict == "account1");
    CHECK(db.queued() == "1");
    CHECK(db.ingest(customer("cus_2", "account3")) == actions{{"updated", {"customer:cus_2"}}});
    CHECK(db.queued() == "1,3"); // the products of both have changed
}

TEST_CASE("a deleted customer is only marked, and skipped if it is unknown") {
    stripe_database db;
    CHECK(db.ingest(stripe::deleted_customer{"cus_1"}) == actions{{"skipped", {"customer:cus_1"}}});
    db.ingest(customer("cus_1", "account1"));
    db.queued();
    CHECK(db.ingest(stripe::deleted_customer{"cus_1"}) == actions{{"updated", {"customer:cus_1"}}});
    CHECK(db.value("select concat_ws(' ', deleted, fxa_id) from stripe_customer") == "t account1");
    CHECK(db.queued() == "1");
    CHECK(db.ingest(stripe::deleted_customer{"cus_1"}) == actions{{"no_change", {"customer:cus_1"}}});
    CHECK(db.queued().empty());
    CHECK(db.ingest(customer("cus_1", "account1")) == actions{{"skipped", {"customer:cus_1"}}}); // older than the deletion
    CHECK(db.value("select deleted from stripe_customer") == "t");
}

TEST_CASE("an older state of a subscription does not replace a newer one, if the objects tell") {
    stripe_database db;
    db.ingest(customer("cus_1", "account1"));
    const auto skipped = actions{{"skipped", {"subscription:sub_1"}}};
    const auto state = [](const std::string& status, int start = 200) {
        auto out = subscription("sub_1", "cus_1", {item("si_1", "sub_1", price("p1"))});
        out.status = status;
        out.current_period_start = at(start);
        return out;
    };
    CHECK(db.ingest(state("incomplete")).contains("created"));
    CHECK(db.ingest(state("active")).at("updated") == std::set<std::string>{"subscription:sub_1"});
    CHECK(db.ingest(state("incomplete")) == skipped);
    CHECK(db.ingest(state("active", 300)).contains("updated"));
    db.queued();
    CHECK(db.ingest(state("past_due", 299)) == skipped); // the period before
    CHECK(db.queued().empty());
    CHECK(db.ingest(state("past_due", 300)).contains("updated"));
    auto moved = state("active", 250); // another item has another period
    moved.items = {item("si_2", "sub_1", price("p1"))};
    CHECK(db.ingest(moved).contains("updated"));
    CHECK(db.ingest(state("canceled", 250)).contains("updated"));
    for (const auto* status : {"active", "past_due", "unpaid", "paused", "something_new"}) CHECK(db.ingest(state(status, 900)) == skipped);
    CHECK(db.value("select status from stripe_subscription") == "canceled");
    CHECK(db.ingest(state("canceled", 900)).contains("updated"));
}

TEST_CASE("an invoice does not go back to an earlier status") {
    stripe_database db;
    const auto state = [](const std::string& status) {
        auto out = invoice("in_1", "cus_1", {line("il_1", price("p1"))});
        out.status = status;
        return out;
    };
    const auto skipped = actions{{"skipped", {"invoice:in_1"}}};
    CHECK(db.ingest(state("draft")).contains("created"));
    CHECK(db.ingest(state("open")).contains("updated"));
    CHECK(db.ingest(state("draft")) == skipped);
    CHECK(db.ingest(state("uncollectible")).contains("updated"));
    CHECK(db.ingest(state("open")) == skipped);
    CHECK(db.ingest(state("paid")).contains("updated"));
    CHECK(db.ingest(state("uncollectible")) == skipped);
    CHECK(db.ingest(state("something_new")).contains("updated"));
    CHECK(db.ingest(state("draft")).contains("updated")); // nothing is known about the new status
}

TEST_CASE("no line misses its price when both arrive at the same time") {
    stripe_database db;
    constexpr int rounds = 60;
    for (int round = 0; round < rounds; ++round) {
        const auto name = std::to_string(round);
        auto waiting = line("il_" + name, price("p" + name));
        waiting.price.reset();
        waiting.price_id = "p" + name;
        std::jthread one([&] { CHECK(db.repository.ingest(invoice("in_" + name, "cus_1", {waiting})).has_value()); });
        std::jthread two([&] { CHECK(db.repository.ingest(price("p" + name)).has_value()); });
    }
    CHECK(db.value("select count(*) from stripe_invoice_line_item") == std::to_string(rounds));
    CHECK(db.value("select count(*) from ctms_stripe_lines") == "0");
}

TEST_CASE("lines that wait for a price that another program stores are moved, and no others") {
    stripe_database db;
    const auto waiting = [](const std::string& id, const std::optional<std::string>& price_id) {
        auto out = line(id, price("p1"));
        out.price.reset();
        out.price_id = price_id;
        return out;
    };
    db.ingest(invoice("in_1", "cus_1", {waiting("il_1", "p1"), waiting("il_2", "p2"), waiting("il_3", {})}));
    CHECK(db.repository.move_ready_lines(10).value() == 0);
    db.link.execute("insert into stripe_price (stripe_id, stripe_product_id, stripe_created, active, currency, create_timestamp,"
                    " update_timestamp) values ('p1', 'prod_1', now(), true, 'usd', now(), now())");
    CHECK(db.value("select count(*) from ctms_stripe_lines") == "3");
    CHECK(db.repository.move_ready_lines(10).value() == 1);
    CHECK(db.value("select string_agg(stripe_id || ' ' || stripe_price_id || ' ' || amount, ',') from stripe_invoice_line_item") ==
          "il_1 p1 1000");
    CHECK(db.value("select string_agg(stripe_id, ',' order by stripe_id) from ctms_stripe_lines") == "il_2,il_3");
    CHECK(db.repository.move_ready_lines(10).value() == 0);
}

TEST_CASE("objects may arrive in any order: the contact is queued when the customer arrives") {
    stripe_database db;
    CHECK(db.ingest(item("si_1", "sub_1", price("p1"))) == actions{{"created", {"price:p1"}}, {"skipped", {"subscription_item:si_1"}}});
    db.ingest(invoice("in_1", "cus_1", {line("il_1", price("p1"))}));
    db.ingest(subscription("sub_1", "cus_1", {item("si_1", "sub_1", price("p1"))}));
    CHECK(db.queued().empty());
    db.ingest(customer("cus_1", "account2"));
    CHECK(db.queued() == "2");
    CHECK(db.ingest(item("si_2", "sub_1", price("p1"))).at("created") == std::set<std::string>{"subscription_item:si_2"});
    CHECK(db.queued() == "2");
    CHECK(db.value("select count(*) from stripe_subscription_item") == "2");
}

TEST_CASE("moving a subscription queues both customers, and changing a price queues everyone who pays it") {
    stripe_database db;
    for (int number = 1; number <= 3; ++number) db.ingest(customer(fmt::format("cus_{}", number), fmt::format("account{}", number)));
    db.ingest(subscription("sub_1", "cus_1", {item("si_1", "sub_1", price("p1"))}));
    db.ingest(subscription("sub_2", "cus_2", {item("si_2", "sub_2", price("p1"))}));
    db.queued();
    db.ingest(subscription("sub_1", "cus_3", {item("si_1", "sub_1", price("p1"))}));
    const std::string priorities = "select string_agg(priority::text, ',') from ctms_sync_queue";
    CHECK(db.value(priorities) == "0,0");
    CHECK(db.queued() == "1,3");
    CHECK(db.ingest(price("p1", 1299)) == actions{{"updated", {"price:p1"}}});
    CHECK(db.value(priorities) == "10,10"); // it may concern everybody
    CHECK(db.queued() == "2,3");
    db.ingest(price("p1", 1299));
    CHECK(db.queued().empty());
}

TEST_CASE("contacts can be queued for an object by what is stored, without storing the object") {
    stripe_database db;
    for (int number = 1; number <= 3; ++number) db.ingest(customer(fmt::format("cus_{}", number), fmt::format("account{}", number)));
    db.ingest(subscription("sub_1", "cus_1", {item("si_1", "sub_1", price("p1"))}));
    db.ingest(subscription("sub_2", "cus_2", {item("si_2", "sub_2", price("p1"))}));
    db.queued();
    // "how many: which ones"
    const auto queued = [&](const stripe::object& object) {
        const auto count = db.repository.queue_contacts(object).value();
        return fmt::format("{}: {}", count, db.queued());
    };
    CHECK(queued(price("p1", 1)) == "2: 1,2");
    CHECK(queued(price("p2")) == "0: ");
    CHECK(queued(customer("cus_1", "account3")) == "2: 1,3");
    CHECK(queued(subscription("sub_1", "cus_2", {})) == "2: 1,2");
    CHECK(queued(item("si_9", "sub_2", price("p9"))) == "1: 2");
    CHECK(queued(item("si_1", "sub_9", price("p1"))) == "0: ");
    CHECK(queued(invoice("in_1", "cus_3", {})) == "1: 3");
    CHECK(queued(stripe::deleted_customer{"cus_2"}) == "1: 2");
    CHECK(db.value("select string_agg(stripe_id || fxa_id || deleted, ' ' order by stripe_id) from stripe_customer") ==
          "cus_1account1false cus_2account2false cus_3account3false");
    CHECK(db.value("select string_agg(stripe_id || unit_amount, ' ') from stripe_price") == "p1999");
    CHECK(db.value("select count(*) from stripe_invoice") == "0");
}

TEST_CASE("16 threads that share prices, subscriptions and accounts neither fail nor deadlock") {
    stripe_database db;
    constexpr int threads = 16;
    constexpr int rounds = 25;
    std::atomic<int> failed = 0;
    std::vector<std::jthread> all;
    for (int thread = 0; thread < threads; ++thread) {
        all.emplace_back([&, thread] {
            for (int round = 0; round < rounds; ++round) {
                // Prices are in opposite orders and the amounts differ: each call writes the rows that the others write.
                const auto name = fmt::format("sub_{}", round % 3);
                std::vector<stripe::subscription_item> items;
                for (int number = 0; number < 4; ++number) {
                    const int chosen = thread % 2 == 0 ? number : 3 - number;
                    items.push_back(
                        item(fmt::format("si_{}_{}", round % 3, chosen), name, price(fmt::format("p{}", chosen), 100 + thread)));
                }
                if (!db.repository.ingest(subscription(name, fmt::format("cus_{}", round % 3 + 1), items))) ++failed;
                if (!db.repository.ingest(customer(fmt::format("cus_{}", thread % 3 + 1), fmt::format("account{}", thread % 3 + 1))))
                    ++failed;
            }
        });
    }
    all.clear();
    CHECK(failed == 0);
    CHECK(db.value("select count(*) from stripe_price") == "4");
    CHECK(db.value("select count(*) from stripe_subscription") == "3");
    CHECK(db.value("select count(*) from stripe_subscription_item") == "12");
    CHECK(db.value("select count(distinct unit_amount) from stripe_price") == "1"); // each call wrote all four or none
    CHECK(db.value("select string_agg(stripe_id || '=' || fxa_id, ' ' order by stripe_id) from stripe_customer") ==
          "cus_1=account1 cus_2=account2 cus_3=account3");
    CHECK(db.queued() == "1,2,3");
}

TEST_CASE("customers that swap accounts concurrently end with one account each") {
    stripe_database db;
    std::atomic<int> failed = 0;
    std::vector<std::jthread> all;
    for (int thread = 0; thread < 4; ++thread) {
        all.emplace_back([&, thread] {
            for (int round = 0; round < 20; ++round) {
                const auto done = db.repository.ingest(
                    customer(fmt::format("cus_{}", thread % 2), fmt::format("account{}", (thread / 2 + round) % 2 + 1)));
                // A call may give up after several tries, with a clear error.
                if (!done && done.error().code != ctms::errc::conflict) ++failed;
            }
        });
    }
    all.clear();
    CHECK(failed == 0);
    CHECK(db.value("select count(*) = count(distinct fxa_id) from stripe_customer") == "t");
}
