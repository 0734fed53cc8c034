// SPDX-License-Identifier: MPL-2.0
// Stripe objects for tests, in Stripe's format, with members that are stored and some that are not; and copies of them
// with a member changed or removed. Pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <utility>

namespace ctms::test::stripe_objects {

inline boost::json::object customer(const std::string& id = "cus_1", const std::string& fxa_id = "fxa_1") {
    return {{"id", id},
            {"object", "customer"},
            {"created", 1635176040},
            {"description", fxa_id},
            {"email", "payer@example.com"},
            {"default_source", nullptr},
            {"invoice_settings", boost::json::object{{"default_payment_method", "pm_1"}, {"footer", nullptr}}},
            {"livemode", false}};
}

inline boost::json::object price(const std::string& id = "price_1", int amount = 999) {
    return {{"id", id},
            {"object", "price"},
            {"created", 1603795500},
            {"product", "prod_1"},
            {"active", true},
            {"currency", "usd"},
            {"recurring", boost::json::object{{"interval", "month"}, {"interval_count", 1}}},
            {"unit_amount", amount},
            {"livemode", false}};
}

inline boost::json::object item(const std::string& id = "si_1", boost::json::object its_price = price(), const std::string& of = "sub_1") {
    return {{"id", id},           {"object", "subscription_item"}, {"created", 1632700800},
            {"subscription", of}, {"price", std::move(its_price)}, {"quantity", 1}};
}

inline boost::json::object subscription(boost::json::array items = {item()}, const std::string& id = "sub_1",
                                        const std::string& of = "cus_1") {
    return {{"id", id},
            {"object", "subscription"},
            {"created", 1632700800},
            {"customer", of},
            {"cancel_at_period_end", false},
            {"canceled_at", nullptr},
            {"current_period_start", 1635292800},
            {"current_period_end", 1637971200},
            {"ended_at", nullptr},
            {"start_date", 1632700800},
            {"status", "active"},
            {"default_source", nullptr},
            {"default_payment_method", "pm_2"},
            {"items", boost::json::object{{"object", "list"}, {"data", std::move(items)}}}};
}

inline boost::json::object line(const std::string& id = "il_1") {
    return {{"id", id},         {"object", "line_item"}, {"type", "subscription"}, {"subscription", "sub_1"}, {"subscription_item", "si_1"},
            {"price", price()}, {"amount", 1000},        {"currency", "usd"}};
}

inline boost::json::object invoice(boost::json::array lines = {line()}) {
    return {{"id", "in_1"},
            {"object", "invoice"},
            {"created", 1635379200},
            {"customer", "cus_1"},
            {"currency", "usd"},
            {"total", 1000},
            {"status", "open"},
            {"default_source", nullptr},
            {"default_payment_method", nullptr},
            {"lines", boost::json::object{{"object", "list"}, {"data", std::move(lines)}}}};
}

inline boost::json::object with(boost::json::object object, const std::string& name, boost::json::value value) {
    object[name] = std::move(value);
    return object;
}

inline boost::json::object without(boost::json::object object, const std::string& name) {
    object.erase(name);
    return object;
}

} // namespace ctms::test::stripe_objects
