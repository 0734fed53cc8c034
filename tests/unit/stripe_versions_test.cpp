// SPDX-License-Identifier: MPL-2.0
// Objects as the versions of Stripe's API write them, with the members that differ between versions. docs/stripe.md has the table.
#include <ctms/json/stripe_json.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

using namespace ctms;
namespace stripe = model::stripe;

namespace {

/// What distinguishes the objects of a version.
struct sample {
    std::string_view version;
    std::string_view subscription; ///< members of the subscription
    std::string_view item;         ///< members of its item
    std::string_view invoice;      ///< members of the invoice
    std::string_view line;         ///< members of its line
    std::string_view status;       ///< of the subscription
    std::string_view price_id;     ///< of the line, if the invoice does not contain the price
};

constexpr std::string_view price =
    R"({"id":"price_a","object":"price","active":true,"billing_scheme":"per_unit","created":1690000000,"currency":"eur","livemode":true,)"
    R"("nickname":null,"product":"prod_a","recurring":{"interval":"month","interval_count":1,"trial_period_days":null,)"
    R"("usage_type":"licensed"},"type":"recurring","unit_amount":499,"unit_amount_decimal":"499"})";

// PRICE stands for the price.
constexpr std::array samples{
    sample{
        "2020-08-27", R"("current_period_start":1700000000,"current_period_end":1702600000,"discount":null,"billing_thresholds":null)",
        R"("billing_thresholds":null,"plan":{"id":"price_a","object":"plan","amount":499})", R"("paid":false,"subscription":"sub_a")",
        R"("type":"subscription","subscription":"sub_a","subscription_item":"si_a","proration":false,"plan":{"id":"price_a"},"price":PRICE)",
        "active", ""},
    sample{"2022-11-15", R"("current_period_start":1700000000,"current_period_end":1702600000,"trial_settings":null,"on_behalf_of":null)",
           R"("tax_rates":[])", R"("paid":false,"subscription":"sub_a","from_invoice":null)",
           R"("type":"subscription","subscription":"sub_a","subscription_item":"si_a","unit_amount_excluding_tax":"499","price":PRICE)",
           "trialing", ""},
    sample{"2024-09-30.acacia", R"("current_period_start":1700000000,"current_period_end":1702600000,"discounts":[])", R"("discounts":[])",
           R"("subscription":"sub_a","issuer":{"type":"self"})",
           R"("type":"subscription","subscription":"sub_a","subscription_item":"si_a","discounts":[],"price":PRICE)", "paused", ""},
    sample{"2025-03-31.basil", R"("discounts":[],"billing_cycle_anchor":1700000000)",
           R"("current_period_start":1700000000,"current_period_end":1702600000,"discounts":[])",
           R"("parent":{"type":"subscription_details","subscription_details":{"metadata":{},"subscription":"sub_a"},"quote_details":null})",
           R"("parent":{"type":"subscription_item_details","invoice_item_details":null,"subscription_item_details":{"invoice_item":null,)"
           R"("proration":false,"subscription":"sub_a","subscription_item":"si_a"}},"pricing":{"type":"price_details","price_details":)"
           R"({"price":"price_a","product":"prod_a"},"unit_amount_decimal":"499"},"taxes":[])",
           "active", "price_a"},
    sample{
        "2025-09-30.clover", R"("billing_mode":{"type":"flexible","flexible":{"proration_discounts":"included"}})",
        R"("current_period_start":1700000000,"current_period_end":1702600000)",
        R"("parent":{"type":"subscription_details","subscription_details":{"subscription":"sub_a"}},"customer_account":null)",
        R"("parent":{"type":"subscription_item_details","subscription_item_details":{"subscription":"sub_a","subscription_item":"si_a"}},)"
        R"("subscription":"sub_a","pricing":{"type":"price_details","price_details":{"price":"price_a","product":"prod_a"}})",
        "past_due", "price_a"},
    // The sender may ask for the price itself.
    sample{
        "2025-12-15.clover", R"("billing_mode":{"type":"flexible"})",
        R"("current_period_start":1700000000,"current_period_end":1702600000)", R"("parent":null)",
        R"("parent":{"type":"subscription_item_details","subscription_item_details":{"subscription":"sub_a","subscription_item":"si_a"}},)"
        R"("subtotal":499,"pricing":{"type":"price_details","price_details":{"product":"prod_a","price":PRICE}})",
        "active", ""},
    sample{
        "2026-03-25.dahlia", R"("billing_mode":{"type":"flexible"},"managed_payments":{"enabled":true},"billing_schedules":[])",
        R"("current_period_start":1700000000,"current_period_end":1702600000)", R"("parent":null,"amount_overpaid":0)",
        R"("parent":{"type":"subscription_item_details","subscription_item_details":{"subscription":"sub_a","subscription_item":"si_a"}},)"
        R"("quantity_decimal":"1","pricing":{"type":"price_details","price_details":{"price":"price_a","product":"prod_a"}})",
        "active", "price_a"},
    sample{
        "2026-11-18.endive", R"("status_details":{"paused":{"subscription":{"type":"requested"}}},"pause_collection":null)",
        R"("current_period_start":1700000000,"current_period_end":1702600000)", R"("parent":null)",
        R"("parent":{"type":"subscription_item_details","subscription_item_details":{"subscription":"sub_a","subscription_item":"si_a"}},)"
        R"("pricing":{"type":"price_details","price_details":{"price":"price_a","product":"prod_a"}})",
        "paused", "price_a"},
};

std::string with_price(std::string text) {
    const auto at = text.find("PRICE");
    return at == std::string::npos ? text : text.replace(at, std::string_view("PRICE").size(), price);
}

std::string subscription_of(const sample& one) {
    return with_price(R"({"id":"sub_a","object":"subscription","created":1690000000,"customer":"cus_a","cancel_at":null,)"
                      R"("cancel_at_period_end":false,"canceled_at":null,"collection_method":"charge_automatically","currency":"eur",)"
                      R"("default_payment_method":null,"default_source":null,"ended_at":null,"start_date":1690000000,"status":")" +
                      std::string(one.status) + "\"," + std::string(one.subscription) +
                      R"(,"items":{"object":"list","has_more":false,"data":[{"id":"si_a","object":"subscription_item",)"
                      R"("created":1690000001,"subscription":"sub_a","quantity":1,)" +
                      std::string(one.item) + R"(,"price":PRICE}]}})");
}

std::string invoice_of(const sample& one) {
    return with_price(R"({"id":"in_a","object":"invoice","created":1700000005,"customer":"cus_a","currency":"eur","total":499,)"
                      R"("status":"paid","default_payment_method":null,"default_source":null,)" +
                      std::string(one.invoice) +
                      R"(,"lines":{"object":"list","has_more":false,"data":[{"id":"il_a","object":"line_item","amount":499,)"
                      R"("currency":"eur","description":null,"period":{"start":1700000000,"end":1702600000},)" +
                      std::string(one.line) + "}]}}");
}

timestamp at(std::int64_t seconds) { return timestamp{std::chrono::seconds{seconds}}; }

template <class T>
T read(const std::string& text) {
    auto outcome = json::read_stripe_object(text);
    if (!outcome) FAIL(outcome.error().detail);
    REQUIRE(std::holds_alternative<T>(*outcome));
    return std::get<T>(std::move(*outcome));
}

std::string refusal(const std::string& text) {
    const auto outcome = json::read_stripe_object(text);
    REQUIRE(outcome.has_error());
    return outcome.error().detail;
}

/// Replaces `from`, which must be in the text, once.
std::string with(std::string text, std::string_view from, std::string_view to) {
    const auto where = text.find(from);
    REQUIRE_MESSAGE(where != std::string::npos, std::string(from));
    return text.replace(where, from.size(), to);
}

const sample& newest() { return samples.back(); }

} // namespace

TEST_CASE("the objects of every version of Stripe's API give the same subscription and invoice") {
    for (const auto& one : samples) {
        CAPTURE(std::string(one.version));
        const auto subscription = read<stripe::subscription>(subscription_of(one));
        CHECK(subscription.current_period_start == at(1700000000));
        CHECK(subscription.current_period_end == at(1702600000));
        CHECK(subscription.status == one.status);
        REQUIRE(subscription.items.size() == 1);
        CHECK(subscription.items[0].price.unit_amount == 499);

        const auto invoice = read<stripe::invoice>(invoice_of(one));
        REQUIRE(invoice.lines.size() == 1);
        const auto& line = invoice.lines[0];
        CHECK(line.type == "subscription");
        CHECK(line.subscription_id == "sub_a");
        CHECK(line.subscription_item_id == "si_a");
        CHECK_FALSE(line.invoice_item_id);
        CHECK(line.price_id.value_or("") == one.price_id);
        CHECK(line.price.has_value() == one.price_id.empty());
        if (line.price) CHECK(line.price->id == "price_a");
    }
}

TEST_CASE("the period of a subscription is that of the item whose period ends last, if the subscription has none") {
    const auto text = subscription_of(newest());
    const auto other = R"({"id":"si_b","object":"subscription_item","created":1690000001,"subscription":"sub_a",)"
                       R"("current_period_start":1690000000,"current_period_end":1721500000,"price":)" +
                       std::string(price) + "}";
    const auto two = read<stripe::subscription>(with(text, R"("data":[)", R"("data":[)" + other + ","));
    CHECK(two.current_period_start == at(1690000000));
    CHECK(two.current_period_end == at(1721500000));
    const auto both = with(text, R"("created":1690000000)", R"("created":1690000000,"current_period_start":5,"current_period_end":6)");
    CHECK(read<stripe::subscription>(both).current_period_end == at(6));
    const auto nulls =
        with(text, R"("created":1690000000)", R"("created":1690000000,"current_period_start":null,"current_period_end":null)");
    CHECK(read<stripe::subscription>(nulls).current_period_end == at(1702600000));
    CHECK(refusal(with(text, R"("current_period_start")", R"("other")")) == "subscription.current_period_start: missing");
    CHECK(refusal(with(nulls, R"("current_period_start":1700000000)", R"("other":1)")) ==
          "subscription.current_period_start: null, and no item has a period");
    CHECK(refusal(with(text, R"("current_period_end":1702600000)", R"("current_period_end":"1702600000")")) ==
          "subscription.items.data[0].current_period_end: not a whole number of seconds");
}

TEST_CASE("a line may come from an invoice item, from something new, or from nothing") {
    const auto text = invoice_of(newest());
    const std::string parent = R"("parent":{"type":"subscription_item_details","subscription_item_details":{"subscription":"sub_a",)"
                               R"("subscription_item":"si_a"}})";
    const auto of_item = R"("parent":{"type":"invoice_item_details","invoice_item_details":{"invoice_item":"ii_a","proration":true,)"
                         R"("subscription":"sub_b"},"subscription_item_details":{"subscription":"x","subscription_item":"y"}})";
    auto line = read<stripe::invoice>(with(text, parent, of_item)).lines.at(0);
    CHECK(line.type == "invoiceitem");
    CHECK(line.invoice_item_id == "ii_a");
    CHECK(line.subscription_id == "sub_b");
    CHECK_FALSE(line.subscription_item_id);
    line = read<stripe::invoice>(with(text, parent, R"("parent":{"type":"gift_details"})")).lines.at(0);
    CHECK(line.type == "gift_details");
    line = read<stripe::invoice>(with(text, parent, R"("parent":null)")).lines.at(0);
    CHECK(line.type.empty());
    CHECK(refusal(with(text, parent, R"("parent":{"type":"a_longer_kind_of_details"})")) ==
          "invoice.lines.data[0].parent.type: longer than 14 characters");
    CHECK(refusal(with(text, parent, R"("parent":7)")) == "invoice.lines.data[0].parent: not an object");
    CHECK(refusal(with(text, parent, R"("other":{})")) == "invoice.lines.data[0].type: missing");
}

TEST_CASE("a line may have no price") {
    const auto text = invoice_of(newest());
    const std::string pricing = R"("pricing":{"type":"price_details","price_details":{"price":"price_a","product":"prod_a"}})";
    for (const auto* other : {R"("pricing":null)", R"("pricing":{"type":"price_details","unit_amount_decimal":null})",
                              R"("pricing":{"type":"price_details","price_details":null})", R"("price":null)"}) {
        CAPTURE(other);
        const auto line = read<stripe::invoice>(with(text, pricing, other)).lines.at(0);
        CHECK_FALSE(line.price);
        CHECK_FALSE(line.price_id);
    }
    CHECK(refusal(with(text, pricing, R"("other":1)")) == "invoice.lines.data[0].price: missing");
    CHECK(refusal(with(text, pricing, R"("pricing":"price_a")")) == "invoice.lines.data[0].pricing: not an object");
    CHECK(refusal(with(text, "\"price_a\"", "17")) == "invoice.lines.data[0].pricing.price_details.price: not a string");
}

TEST_CASE("customers without a Firefox account and invoices without a customer belong to nobody") {
    const std::string customer = R"({"id":"cus_a","object":"customer","created":1,"description":null,"email":null,"default_source":null,)"
                                 R"("invoice_settings":{"default_payment_method":null}})";
    CHECK(read<stripe::unattached_object>(customer) == stripe::unattached_object{"customer", "cus_a", std::nullopt});
    CHECK(read<stripe::unattached_object>(
              with(with(customer, R"("description":null)", R"("description":"")"), R"("email":null)", R"("email":"a@example.com")")) ==
          stripe::unattached_object{"customer", "cus_a", "a@example.com"});
    CHECK_FALSE(read<stripe::customer>(with(customer, R"("description":null)", R"("description":"fxa_a")")).email);
    const auto invoice = invoice_of(newest());
    CHECK(read<stripe::unattached_object>(with(invoice, R"("customer":"cus_a")", R"("customer":null)")) ==
          stripe::unattached_object{"invoice", "in_a", std::nullopt});
    CHECK(read<stripe::unattached_object>(with(invoice, R"("in_a")", R"("upcoming_in_a")")).id == "upcoming_in_a");
    CHECK(read<stripe::invoice>(with(invoice, R"("status":"paid")", R"("status":null)")).status.empty());
}
