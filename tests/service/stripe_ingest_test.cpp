// SPDX-License-Identifier: MPL-2.0
// Stripe objects that a C++ program fills in follow the rules of those that are read from JSON.
#include <support/queue_database.hpp>
#include <support/stripe_objects.hpp>

#include <ctms/json/stripe_json.hpp>
#include <ctms/service/stripe_ingest.hpp>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <variant>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
namespace objects = test::stripe_objects;
namespace stripe = model::stripe;

namespace {

template <class T>
T read(const boost::json::object& from) {
    return std::get<T>(json::read_stripe_object(boost::json::serialize(from)).value());
}

/// Changes a good object; `problem` is what is then wrong with it.
template <class T>
struct mistake {
    std::function<void(T&)> make;
    std::string problem;
};

/// Each mistake alone is refused, by both use cases and before the database is asked.
template <class T>
void check_mistakes(const boost::json::object& good, const std::vector<mistake<T>>& mistakes) {
    test::queue_database db;
    service::stripe_ingest service(db.pool);
    for (const auto& one : mistakes) {
        CAPTURE(one.problem);
        auto object = read<T>(good);
        one.make(object);
        for (const auto& failure : {service.ingest(object).error(), service.queue_contacts(object).error()}) {
            CHECK(failure.code == errc::invalid);
            CHECK(failure.message == "Unable to process Stripe object.");
            CHECK(failure.detail == one.problem);
        }
    }
    CHECK(service.ingest(read<T>(good)).has_value());
    CHECK(service.queue_contacts(read<T>(good)).has_value());
}

const std::string nul("a\0b", 3);
const std::string long_id(256, 'x');

} // namespace

TEST_CASE("a customer that a program filled in is checked") {
    check_mistakes<stripe::customer>(
        objects::customer(),
        {{[](auto& to) { to.id = ""; }, "customer.id: empty"},
         {[](auto& to) { to.id = nul; }, "customer.id: contains a NUL character"},
         {[](auto& to) { to.id = "\xFF"; }, "customer.id: not valid UTF-8"},
         {[](auto& to) { to.fxa_id = long_id; }, "customer.fxa_id: longer than 255 characters"},
         {[](auto& to) { to.default_source_id = nul; }, "customer.default_source_id: contains a NUL character"},
         {[](auto& to) { to.default_payment_method_id = ""; }, "customer.default_payment_method_id: empty"},
         {[](auto& to) { to.created += 1us; }, "customer.created: not a whole number of seconds"},
         {[](auto& to) { to.created = timestamp{-1s}; }, "customer.created: not a time from 1970 to 9999"},
         {[](auto& to) { to.created = timestamp{253'402'300'800s}; }, "customer.created: not a time from 1970 to 9999"}});
}

TEST_CASE("a deleted customer that a program filled in is checked") {
    test::queue_database db;
    service::stripe_ingest service(db.pool);
    CHECK(service.ingest(stripe::deleted_customer{nul}).error().detail == "customer.id: contains a NUL character");
    CHECK(service.ingest(stripe::deleted_customer{"cus_1"}).has_value());
}

TEST_CASE("a price that a program filled in is checked") {
    check_mistakes<stripe::price>(
        objects::price(), {{[](auto& to) { to.product_id = nul; }, "price.product_id: contains a NUL character"},
                           {[](auto& to) { to.currency = "USD"; }, "price.currency: not three lower-case letters"},
                           {[](auto& to) { to.currency = nul; }, "price.currency: not three lower-case letters"},
                           {[](auto& to) { to.interval = nul; }, "price.interval: contains a NUL character"},
                           {[](auto& to) { to.interval.reset(); }, "price.interval_count: must be given with interval, and only then"}});
}

TEST_CASE("a subscription that a program filled in is checked, with its items") {
    check_mistakes<stripe::subscription>(
        objects::subscription(),
        {{[](auto& to) { to.customer_id = nul; }, "subscription.customer_id: contains a NUL character"},
         {[](auto& to) { to.status = nul; }, "subscription.status: contains a NUL character"},
         {[](auto& to) { to.ended_at = timestamp{-1s}; }, "subscription.ended_at: not a time from 1970 to 9999"},
         {[](auto& to) { to.items[0].id = nul; }, "subscription.items[0].id: contains a NUL character"},
         {[](auto& to) { to.items[0].price.id = nul; }, "subscription.items[0].price.id: contains a NUL character"},
         {[](auto& to) { to.items[0].subscription_id = "sub_2"; },
          "subscription.items[0].subscription_id: not the subscription that contains the item"},
         {[](auto& to) { to.items.push_back(to.items[0]); }, "subscription.items[1].id: repeated"}});
}

TEST_CASE("an item and an invoice that a program filled in are checked") {
    check_mistakes<stripe::subscription_item>(
        objects::item(), {{[](auto& to) { to.subscription_id = nul; }, "subscription_item.subscription_id: contains a NUL character"}});
    check_mistakes<stripe::invoice>(
        objects::invoice(),
        {{[](auto& to) { to.status = std::string(16, 'x'); }, "invoice.status: longer than 15 characters"},
         {[](auto& to) { to.currency = ""; }, "invoice.currency: not three lower-case letters"},
         {[](auto& to) { to.lines[0].type = std::string(15, 'x'); }, "invoice.lines[0].type: longer than 14 characters"},
         {[](auto& to) { to.lines[0].invoice_item_id = nul; }, "invoice.lines[0].invoice_item_id: contains a NUL character"},
         {[](auto& to) { to.lines[0].price->created += 1us; }, "invoice.lines[0].price.created: not a whole number of seconds"}});
}
