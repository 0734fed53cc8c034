// SPDX-License-Identifier: MPL-2.0
#include <persistence/stripe/product_repository.hpp>
#include <persistence/stripe/stripe_repository.hpp>
#include <support/test_database.hpp>

#include <persistence/postgres/connection.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <chrono>
#include <string>
#include <vector>

namespace stripe = ctms::model::stripe;
using ctms::uuid;
using ctms::model::product;
using ctms::persistence::connection;
using ctms::test::test_database;

namespace {

ctms::timestamp at(int seconds) { return ctms::timestamp(std::chrono::seconds(seconds)); }

stripe::price price(const std::string& id, const std::string& product) { return {id, product, at(50), true, "usd", "month", 1, 999}; }

stripe::subscription_item item(const std::string& id, const std::string& subscription, const stripe::price& price, int created = 200) {
    return {id, at(created), subscription, price};
}

/// Returns a subscription with one item, whose id has "si_" before the same name.
stripe::subscription subscription(const std::string& id, const std::string& customer, const stripe::price& price, int period_end) {
    stripe::subscription out;
    out.id = id;
    out.customer_id = customer;
    out.status = "active";
    out.created = at(100);
    out.start_date = at(101);
    out.current_period_start = at(102);
    out.current_period_end = at(period_end);
    out.items = {item("si_" + id, id, price)};
    return out;
}

uuid contact(int number) { return *uuid::parse(fmt::format("00000000-0000-4000-8000-{:012}", number)); }

/// A database with three contacts; the first two have Firefox accounts with one customer each.
struct products_database {
    products_database() {
        for (int number = 1; number <= 3; ++number) {
            link.execute(
                fmt::format("insert into emails (email_id, primary_email, update_timestamp) values ('{}', '{}@example.com', now())",
                            contact(number).to_string(), number));
        }
        for (int number = 1; number <= 2; ++number) {
            link.execute(fmt::format("insert into fxa (email_id, fxa_id, account_deleted, update_timestamp)"
                                     " values ('{}', 'account{}', false, now())",
                                     contact(number).to_string(), number));
            ingest(stripe::customer{fmt::format("cus_{}", number), at(90), fmt::format("account{}", number), {}, {}, {}});
        }
    }

    void ingest(const stripe::object& object) { REQUIRE(stripe_objects.ingest(object).has_value()); }

    std::vector<std::vector<product>> find(const std::vector<uuid>& ids) { return products.find(ids).value(); }
    std::vector<product> of(int number) { return find({contact(number)}).at(0); }

    test_database db;
    ctms::persistence::database pool{db.options()};
    ctms::persistence::stripe_repository stripe_objects{pool};
    ctms::persistence::product_repository products{pool};
    connection link{db.options()};
};

/// Returns "product price" for each product.
std::vector<std::string> prices_of(const std::vector<product>& products) {
    std::vector<std::string> out;
    for (const auto& one : products) out.push_back(one.product_id + " " + one.price_id);
    return out;
}

} // namespace

TEST_CASE("a product has the values of its price and its subscription") {
    products_database db;
    auto ending = subscription("sub_1", "cus_1", price("price_1", "prod_1"), 103);
    ending.canceled_at = at(104);
    ending.ended_at = at(105);
    ending.cancel_at_period_end = true;
    ending.status = "canceled";
    db.ingest(ending);
    product expected;
    expected.payment_service = "stripe";
    expected.product_id = "prod_1";
    expected.price_id = "price_1";
    expected.currency = "usd";
    expected.amount = 999;
    expected.interval = "month";
    expected.interval_count = 1;
    expected.status = "canceled";
    expected.created = at(100);
    expected.start = at(101);
    expected.current_period_start = at(102);
    expected.current_period_end = at(103);
    expected.canceled_at = at(104);
    expected.ended_at = at(105);
    expected.cancel_at_period_end = true;
    expected.sub_count = 1;
    CHECK(db.of(1) == std::vector{expected});

    auto once = price("price_1", "prod_1");
    once.interval.reset();
    once.interval_count.reset();
    once.unit_amount.reset();
    db.ingest(once);
    expected.amount.reset();
    expected.interval.reset();
    expected.interval_count.reset();
    CHECK(db.of(1) == std::vector{expected});
}

TEST_CASE("of several subscriptions to a product, the one whose period ends last is used") {
    products_database db;
    const auto monthly = price("monthly", "prod_1");
    const auto yearly = price("yearly", "prod_1");
    db.ingest(subscription("sub_a", "cus_1", monthly, 300));
    db.ingest(subscription("sub_b", "cus_1", yearly, 500));
    db.ingest(subscription("sub_c", "cus_1", monthly, 400));
    const auto found = db.of(1);
    REQUIRE(found.size() == 1);
    CHECK(found[0].price_id == "yearly");
    CHECK(found[0].current_period_end == at(500));
    CHECK(found[0].sub_count == 3);
}

TEST_CASE("subscriptions that end at the same time are chosen by start, then by creation, then by id") {
    products_database db;
    // Each of these is chosen in turn, although by_creation and by_start have lower ids.
    auto by_id = subscription("sub_9", "cus_1", price("by_id", "prod_1"), 300);
    db.ingest(subscription("sub_8", "cus_1", price("first", "prod_1"), 300));
    db.ingest(by_id);
    CHECK(db.of(1).at(0).price_id == "by_id");
    auto by_creation = subscription("sub_2", "cus_1", price("by_creation", "prod_1"), 300);
    by_creation.created = at(110);
    db.ingest(by_creation);
    CHECK(db.of(1).at(0).price_id == "by_creation");
    auto by_start = subscription("sub_1", "cus_1", price("by_start", "prod_1"), 300);
    by_start.start_date = at(120);
    db.ingest(by_start);
    CHECK(db.of(1).at(0).price_id == "by_start");
    CHECK(db.of(1).at(0).sub_count == 4);
}

TEST_CASE("a subscription with several items for a product counts once, with its newest item") {
    products_database db;
    auto both = subscription("sub_1", "cus_1", price("old", "prod_1"), 300);
    both.items = {item("si_3", "sub_1", price("old", "prod_1"), 200), item("si_1", "sub_1", price("new", "prod_1"), 201),
                  item("si_4", "sub_1", price("other", "prod_2"), 199)};
    db.ingest(both);
    const auto found = db.of(1);
    CHECK(prices_of(found) == std::vector<std::string>{"prod_1 new", "prod_2 other"});
    CHECK(found.at(0).sub_count == 1);
    CHECK(found.at(1).sub_count == 1);
}

TEST_CASE("products are in byte order, and a shared price gives each contact its own product") {
    products_database db;
    const auto shared = price("shared", "prod_b");
    db.ingest(subscription("sub_1", "cus_1", shared, 300));
    db.ingest(subscription("sub_2", "cus_1", price("p2", "prod_B"), 300));
    db.ingest(subscription("sub_3", "cus_1", price("p3", "prod_a"), 300));
    db.ingest(subscription("sub_4", "cus_2", shared, 400));
    CHECK(prices_of(db.of(1)) == std::vector<std::string>{"prod_B p2", "prod_a p3", "prod_b shared"});
    CHECK(prices_of(db.of(2)) == std::vector<std::string>{"prod_b shared"});
    CHECK(db.of(1).at(2).sub_count == 1);
    CHECK(db.of(2).at(0).current_period_end == at(400));
}

TEST_CASE("the result is in the order of the ids, with nothing for a contact without products") {
    products_database db;
    CHECK(db.find({}).empty());
    db.ingest(subscription("sub_1", "cus_1", price("p1", "prod_1"), 300));
    db.ingest(subscription("sub_2", "cus_2", price("p2", "prod_2"), 300));
    const auto found = db.find({contact(2), contact(9), contact(1), contact(3), contact(2)});
    REQUIRE(found.size() == 5);
    CHECK(prices_of(found[0]) == std::vector<std::string>{"prod_2 p2"});
    CHECK(found[1].empty());
    CHECK(prices_of(found[2]) == std::vector<std::string>{"prod_1 p1"});
    CHECK(found[3].empty());
    CHECK(found[4] == found[0]);
}

TEST_CASE("subscriptions of a deleted customer still count, but not those of one that has lost the account") {
    products_database db;
    db.ingest(subscription("sub_1", "cus_1", price("p1", "prod_1"), 300));
    db.ingest(stripe::deleted_customer{"cus_1"});
    CHECK(prices_of(db.of(1)) == std::vector<std::string>{"prod_1 p1"});
    db.ingest(stripe::customer{"cus_new", at(95), "account1", {}, {}, {}});
    CHECK(db.of(1).empty());
    db.ingest(subscription("sub_1", "cus_new", price("p1", "prod_1"), 300));
    CHECK(prices_of(db.of(1)) == std::vector<std::string>{"prod_1 p1"});
}

TEST_CASE("Stripe data stored before the account are visible once the account exists") {
    products_database db;
    db.ingest(subscription("sub_1", "cus_3", price("p1", "prod_1"), 300));
    CHECK(db.of(3).empty());
    db.ingest(stripe::customer{"cus_3", at(90), "account3", {}, {}, {}});
    CHECK(db.of(3).empty());
    db.link.execute(fmt::format("insert into fxa (email_id, fxa_id, account_deleted, update_timestamp)"
                                " values ('{}', 'account3', false, now())",
                                contact(3).to_string()));
    CHECK(prices_of(db.of(3)) == std::vector<std::string>{"prod_1 p1"});
}
