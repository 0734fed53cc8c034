// SPDX-License-Identifier: MPL-2.0
// Reading Stripe objects: the result for each kind, what is refused, and that the detail for the log never quotes a value.
#include <ctms/json/stripe_json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace ctms;
namespace stripe = model::stripe;

namespace {

constexpr std::string_view customer_json = R"({"id":"cus_1","object":"customer","created":1635176040,"description":"fxa_1",
    "email":"c@example.com","default_source":null,"invoice_settings":{"default_payment_method":"pm_1"},"livemode":false})";
constexpr std::string_view price_json = R"({"id":"price_1","object":"price","created":1603795500,"product":"prod_1","active":true,
    "currency":"usd","recurring":{"interval":"month","interval_count":1},"unit_amount":999})";
const std::string item_json =
    R"({"id":"si_1","object":"subscription_item","created":1632700800,"subscription":"sub_1","price":)" + std::string(price_json) + "}";
const std::string subscription_json = R"({"id":"sub_1","object":"subscription","created":1632700800,"customer":"cus_1",
    "default_payment_method":"pm_2","default_source":"card_1","cancel_at_period_end":true,"canceled_at":1637000000,
    "current_period_start":1635292800,"current_period_end":1637971200,"ended_at":null,"start_date":1632700801,"status":"active",
    "items":{"object":"list","data":[)" +
                                      item_json + R"(],"has_more":false}})";
const std::string line_json = R"({"id":"il_1","object":"line_item","type":"invoiceitem","invoice_item":"ii_1","subscription":null,
    "amount":-1000,"currency":"EUR","price":)" +
                              std::string(price_json) + "}";
const std::string invoice_json = R"({"id":"in_1","object":"invoice","created":1635379200,"customer":"cus_1","currency":"usd",
    "total":1000,"default_source":null,"default_payment_method":null,"status":"uncollectible","lines":{"data":[)" +
                                 line_json + "]}}";

timestamp at(std::int64_t seconds) { return timestamp{std::chrono::seconds{seconds}}; }

stripe::price expected_price() { return {"price_1", "prod_1", at(1603795500), true, "usd", "month", 1, 999}; }
stripe::subscription_item expected_item() { return {"si_1", at(1632700800), "sub_1", expected_price()}; }
stripe::line_item expected_line() { return {"il_1", "invoiceitem", expected_price(), "ii_1", std::nullopt, std::nullopt, -1000, "eur"}; }

/// Replaces `from`, which must be in the text, once.
std::string with(std::string_view text, std::string_view from, std::string_view to) {
    std::string out(text);
    const auto where = out.find(from);
    REQUIRE_MESSAGE(where != std::string::npos, from);
    return out.replace(where, from.size(), to);
}

template <class T>
T read(std::string_view text) {
    auto outcome = json::read_stripe_object(text);
    if (!outcome) FAIL(outcome.error().detail);
    REQUIRE(std::holds_alternative<T>(*outcome));
    return std::get<T>(std::move(*outcome));
}

/// Returns the detail of the refusal of a JSON object that has a wrong kind or a wrong member.
std::string refusal(std::string_view text) {
    const auto outcome = json::read_stripe_object(text);
    REQUIRE_MESSAGE(outcome.has_error(), text);
    CHECK(outcome.error().code == errc::invalid);
    CHECK(outcome.error().message == "Unable to process Stripe object.");
    return outcome.error().detail;
}

std::string refusal(std::string_view text, std::string_view from, std::string_view to) { return refusal(with(text, from, to)); }

/// Returns the refusal if a member is missing, that is, has another name.
std::string without(std::string_view text, std::string_view member) {
    return refusal(text, '"' + std::string(member) + "\":", "\"other\":");
}

} // namespace

TEST_CASE("a Stripe customer is read") {
    CHECK(read<stripe::customer>(customer_json) ==
          stripe::customer{"cus_1", at(1635176040), "fxa_1", std::nullopt, "pm_1", "c@example.com"});
    const auto other = with(with(with(customer_json, R"("email")", R"("mail")"), "\"pm_1\"", "null"), "null", R"({"id":"card_1"})");
    CHECK(read<stripe::customer>(other) == stripe::customer{"cus_1", at(1635176040), "fxa_1", "card_1", std::nullopt, std::nullopt});
    CHECK(read<stripe::deleted_customer>(R"({"id":"cus_1","object":"customer","deleted":true})") == stripe::deleted_customer{"cus_1"});
    CHECK(read<stripe::customer>(with(customer_json, "\"livemode\"", "\"deleted\"")).id == "cus_1");
}

TEST_CASE("a Stripe price is read") {
    CHECK(read<stripe::price>(price_json) == expected_price());
    auto once = expected_price();
    once.interval.reset();
    once.interval_count.reset();
    CHECK(read<stripe::price>(with(price_json, R"({"interval":"month","interval_count":1})", "null")) == once);
    CHECK(read<stripe::price>(with(price_json, "\"recurring\"", "\"other\"")) == once);
    CHECK_FALSE(read<stripe::price>(with(price_json, "999", "null")).unit_amount);
    CHECK_FALSE(read<stripe::price>(with(price_json, "unit_amount", "amount")).unit_amount);
    CHECK(read<stripe::price>(with(price_json, "usd", "USD")).currency == "usd");
    CHECK(read<stripe::price>(with(price_json, "\"prod_1\"", R"({"id":"prod_1","object":"product"})")) == expected_price());
}

TEST_CASE("a Stripe subscription is read with its items") {
    CHECK(read<stripe::subscription_item>(item_json) == expected_item());
    const stripe::subscription expected{"sub_1",        at(1632700800), "cus_1",           "pm_2",         "card_1",
                                        true,           at(1637000000), at(1635292800),    at(1637971200), std::nullopt,
                                        at(1632700801), "active",       {expected_item()}, false};
    CHECK(read<stripe::subscription>(subscription_json) == expected);
    const auto nulls = with(with(with(subscription_json, "1637000000", "null"), "\"pm_2\"", "null"), "\"card_1\"", "null");
    const auto empty = read<stripe::subscription>(nulls);
    CHECK_FALSE(empty.canceled_at);
    CHECK_FALSE(empty.default_payment_method_id);
    CHECK_FALSE(empty.default_source_id);
    CHECK(read<stripe::subscription>(with(subscription_json, "null,\"start", "1637000001,\"start")).ended_at == at(1637000001));
    CHECK(read<stripe::subscription>(with(subscription_json, R"("has_more":false)", R"("has_more":true)")).has_more_items);
}

TEST_CASE("a Stripe invoice is read with its lines") {
    const stripe::invoice expected{"in_1",       at(1635379200), "cus_1",           "usd", 1000, "uncollectible",
                                   std::nullopt, std::nullopt,   {expected_line()}, false};
    CHECK(read<stripe::invoice>(invoice_json) == expected);
    CHECK(read<stripe::invoice>(with(invoice_json, "\"data\"", R"("has_more":true,"data")")).has_more_lines);
    const auto of_subscription =
        with(line_json, R"("invoice_item":"ii_1","subscription":null)", R"("subscription":{"id":"sub_1"},"subscription_item":"si_1")");
    const auto line = read<stripe::invoice>(with(invoice_json, line_json, of_subscription)).lines.at(0);
    CHECK_FALSE(line.invoice_item_id);
    CHECK(line.subscription_id == "sub_1");
    CHECK(line.subscription_item_id == "si_1");
}

TEST_CASE("if a Stripe list repeats an id, the last object is used") {
    const auto later = with(item_json, "999", "1299");
    const auto second = with(item_json, "si_1", "si_2");
    const auto items = read<stripe::subscription>(with(subscription_json, item_json, item_json + "," + second + "," + later)).items;
    REQUIRE(items.size() == 2);
    CHECK(items[0].id == "si_1");
    CHECK(items[0].price.unit_amount == 1299);
    CHECK(items[1].id == "si_2");
    const auto lines = read<stripe::invoice>(with(invoice_json, line_json, line_json + "," + with(line_json, "-1000", "7"))).lines;
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].amount == 7);
}

TEST_CASE("JSON that is not a Stripe object is not recognized") {
    for (const std::string_view text : {"", "{", "\xff", "null", "5", "\"object id\"", "[]", R"(["object","id"])", "{}",
                                        R"({"object":"customer"})", R"({"id":"cus_1"})"}) {
        CAPTURE(text);
        const auto outcome = json::read_stripe_object(text);
        REQUIRE(outcome.has_error());
        CHECK(outcome.error().code == errc::malformed);
        CHECK(outcome.error().message == "Request JSON is not recognized.");
    }
}

TEST_CASE("other kinds of Stripe objects are refused") {
    for (const std::string_view other : {"null", "[]", "5", "\"\"", "\"payment_method\"", "\"line_item\""}) {
        CHECK(refusal(R"({"id":"x","object":)" + std::string(other) + "}") == "object: not a kind that is stored");
    }
}

TEST_CASE("the required members of Stripe objects must be present") {
    for (const std::string member : {"created", "description", "default_source", "invoice_settings"}) {
        CHECK(without(customer_json, member) == "customer." + member + ": missing");
    }
    CHECK(without(customer_json, "default_payment_method") == "customer.invoice_settings.default_payment_method: missing");
    for (const std::string member : {"created", "product", "active", "currency"}) {
        CHECK(without(price_json, member) == "price." + member + ": missing");
    }
    CHECK(without(price_json, "interval") == "price.recurring.interval: missing");
    CHECK(without(price_json, "interval_count") == "price.recurring.interval_count: missing");
    for (const std::string member : {"created", "subscription", "price"}) {
        CHECK(without(item_json, member) == "subscription_item." + member + ": missing");
    }
    for (const std::string member :
         {"created", "customer", "default_payment_method", "default_source", "cancel_at_period_end", "canceled_at", "current_period_start",
          "current_period_end", "ended_at", "start_date", "status", "items"}) {
        CHECK(without(subscription_json, member) == "subscription." + member + ": missing");
    }
    CHECK(without(subscription_json, "data") == "subscription.items.data: missing");
    for (const std::string member :
         {"created", "customer", "currency", "total", "status", "default_payment_method", "default_source", "lines"}) {
        CHECK(without(invoice_json, member) == "invoice." + member + ": missing");
    }
    for (const std::string member : {"object", "id", "type", "price", "amount", "currency"}) {
        const auto line = with(line_json, '"' + member + "\":", "\"other\":");
        CHECK(refusal(invoice_json, line_json, line) == "invoice.lines.data[0]." + member + ": missing");
    }
}

TEST_CASE("the ids of Stripe objects are short strings") {
    CHECK(refusal(customer_json, "\"cus_1\"", "null") == "customer.id: not a string");
    CHECK(refusal(customer_json, "\"cus_1\"", "17") == "customer.id: not a string");
    CHECK(refusal(customer_json, "\"cus_1\"", R"({"id":"cus_1"})") == "customer.id: not a string");
    CHECK(refusal(customer_json, "cus_1", "") == "customer.id: empty");
    CHECK(refusal(customer_json, "cus_1", "a\\u0000b") == "customer.id: contains a NUL character");
    CHECK(refusal(customer_json, "\"fxa_1\"", "7") == "customer.description: not a string");
    CHECK(refusal(customer_json, "fxa_1", std::string(256, 'f')) == "customer.description: longer than 255 characters");
    std::string longest;
    for (int i = 0; i < 255; ++i) longest += "é";
    CHECK(read<stripe::customer>(with(customer_json, "fxa_1", longest)).fxa_id == longest);
    CHECK(refusal(price_json, "\"prod_1\"", "null") == "price.product: neither an id nor an object with one");
    CHECK(refusal(price_json, "\"prod_1\"", "{}") == "price.product.id: missing");
    CHECK(refusal(price_json, "\"prod_1\"", R"({"id":5})") == "price.product.id: not a string");
    CHECK(refusal(customer_json, "null", "7") == "customer.default_source: neither an id nor an object with one");
    CHECK(refusal(invoice_json, "\"ii_1\"", "\"\"") == "invoice.lines.data[0].invoice_item: empty");
}

TEST_CASE("a Stripe customer's email, settings and deletion are checked") {
    CHECK(refusal(customer_json, "\"c@example.com\"", "7") == "customer.email: not a string");
    CHECK(refusal(customer_json, R"({"default_payment_method":"pm_1"})", "null") == "customer.invoice_settings: not an object");
    CHECK(refusal(customer_json, "\"livemode\":false", "\"deleted\":null") == "customer.deleted: not true or false");
    CHECK(refusal(R"({"id":5,"object":"customer","deleted":true})") == "customer.id: not a string");
}

TEST_CASE("the times of Stripe objects are whole seconds") {
    for (const std::string_view wrong : {"\"soon\"", "\"1603795500\"", "1.5", "null", "true", "NaN", "Infinity", "[]"}) {
        CHECK(refusal(price_json, "1603795500", wrong) == "price.created: not a whole number of seconds");
    }
    for (const std::string_view beyond : {"-1", "253402300800", "1e400"}) {
        CHECK(refusal(price_json, "1603795500", beyond) == "price.created: not a time from 1970 to 9999");
    }
    CHECK(read<stripe::price>(with(price_json, "1603795500", "0")).created == at(0));
    CHECK(read<stripe::price>(with(price_json, "1603795500", "253402300799")).created == at(253402300799));
    CHECK(read<stripe::price>(with(price_json, "1603795500", "16.0e8")).created == at(1600000000));
    CHECK(refusal(subscription_json, "1637000000", "\"x\"") == "subscription.canceled_at: not a whole number of seconds");
}

TEST_CASE("the amounts of Stripe objects are truncated to 32-bit integers") {
    const auto amount = [](std::string_view number) { return read<stripe::price>(with(price_json, "999", number)).unit_amount; };
    CHECK(amount("9.99") == 9);
    CHECK(amount("-9.99") == -9);
    CHECK(amount("1e3") == 1000);
    CHECK(amount("2147483647.5") == 2147483647);
    CHECK(amount("-2147483648") == -2147483647 - 1);
    for (const std::string_view wrong : {"\"9.99\"", "true", "NaN", "-Infinity", "{}"}) {
        CHECK(refusal(price_json, "999", wrong) == "price.unit_amount: not a number");
    }
    for (const std::string_view beyond : {"2147483648", "-2147483649", "1e400"}) {
        CHECK(refusal(price_json, "999", beyond) == "price.unit_amount: beyond 32 bits");
    }
    CHECK(refusal(price_json, "\"interval_count\":1", "\"interval_count\":null") == "price.recurring.interval_count: not a number");
    CHECK(refusal(invoice_json, "1000", "null") == "invoice.total: not a number");
}

TEST_CASE("the words and booleans in Stripe objects are checked") {
    for (const std::string_view wrong : {"us", "usdx", "u1d", "é1", ""})
        CHECK(refusal(price_json, "usd", wrong) == "price.currency: not three letters");
    CHECK(refusal(price_json, "month", "fortnight") == "price.recurring.interval: longer than 5 characters");
    CHECK(read<stripe::price>(with(price_json, "month", "moon")).interval == "moon");
    CHECK(refusal(price_json, R"({"interval":"month","interval_count":1})", "[]") == "price.recurring: not an object");
    CHECK(refusal(price_json, "true", "1") == "price.active: not true or false");
    CHECK(read<stripe::subscription>(with(subscription_json, "\"active\",", "\"dormant\",")).status == "dormant");
    CHECK(refusal(subscription_json, "\"active\",", "\"\",") == "subscription.status: empty");
    CHECK(refusal(subscription_json, "\"active\",", "\"dormant_until_further_notice\",") ==
          "subscription.status: longer than 20 characters");
    CHECK(refusal(subscription_json, "true", "\"true\"") == "subscription.cancel_at_period_end: not true or false");
    CHECK(read<stripe::invoice>(with(invoice_json, "uncollectible", "lost")).status == "lost");
    CHECK(refusal(invoice_json, "uncollectible", "lost_at_sea_for_good") == "invoice.status: longer than 15 characters");
    CHECK(read<stripe::invoice>(with(invoice_json, "invoiceitem", "gift")).lines.at(0).type == "gift");
    CHECK(refusal(invoice_json, "invoiceitem", "gift_of_a_friend") == "invoice.lines.data[0].type: longer than 14 characters");
}

TEST_CASE("lists of Stripe objects and their elements are checked") {
    CHECK(refusal(invoice_json, R"({"data":[)" + line_json + "]}", "[]") == "invoice.lines: not an object");
    CHECK(refusal(invoice_json, "[" + line_json + "]", "{}") == "invoice.lines.data: not a list");
    CHECK(refusal(invoice_json, line_json, "5") == "invoice.lines.data[0]: not an object");
    CHECK(refusal(invoice_json, line_json, line_json + R"(,{"object":"price"})") == "invoice.lines.data[1].object: not line_item");
    CHECK(refusal(subscription_json, item_json, R"({"object":null})") == "subscription.items.data[0].object: not subscription_item");
    CHECK(refusal(subscription_json, R"("has_more":false)", R"("has_more":1)") == "subscription.items.has_more: not true or false");
    CHECK(refusal(subscription_json, R"("subscription":"sub_1")", R"("subscription":"sub_2")") ==
          "subscription.items.data[0].subscription: not the subscription that contains the item");
    CHECK(refusal(item_json, R"("object":"price")", R"("object":"plan")") == "subscription_item.price.object: not price");
    CHECK(refusal(item_json, price_json, "\"price_1\"") == "subscription_item.price: not an object");
}

TEST_CASE("no refusal of a Stripe object quotes a value") {
    const std::string secret = "secret@example.com";
    const std::string quoted = '"' + secret + '"';
    for (const auto& text :
         {with(customer_json, "1635176040", quoted), with(customer_json, R"({"default_payment_method":"pm_1"})", quoted),
          with(customer_json, "fxa_1", secret + std::string(255, 'x')), with(customer_json, "\"c@example.com\"", "[" + quoted + "]"),
          with(customer_json, "\"customer\"", quoted), with(price_json, "usd", secret), with(price_json, "month", secret),
          with(price_json, "true", quoted), with(price_json, "999", quoted), with(invoice_json, "line_item", secret),
          with(subscription_json, R"("subscription":"sub_1")", R"("subscription":)" + quoted)}) {
        const auto detail = refusal(text);
        CAPTURE(detail);
        CHECK(detail.find("secret") == std::string::npos);
        CHECK_FALSE(detail.empty());
    }
}

TEST_CASE("an export is visited object by object, including unknown kinds and errors, until the visitor stops") {
    std::vector<std::string> seen;
    std::size_t enough = 100;
    const auto visit = [&](std::optional<std::size_t> index, const result<json::any_stripe_object>& object) {
        std::string what = index ? std::to_string(*index) + " " : "";
        if (!object) {
            what += std::string(to_string(object.error().code)) + " " + object.error().detail;
        } else if (const auto* unknown = std::get_if<json::unknown_kind>(&*object)) {
            what += "unknown " + unknown->kind + " " + unknown->id;
        } else {
            what += "price " + std::get<stripe::price>(std::get<stripe::object>(*object)).id;
        }
        seen.push_back(what);
        return seen.size() < enough;
    };
    const auto all_of = [&](std::string_view text) {
        seen.clear();
        return json::read_stripe_objects(text, visit) ? seen : std::vector<std::string>{"unreadable"};
    };
    using list = std::vector<std::string>;
    const std::string price(price_json);
    CHECK(all_of(price) == list{"price price_1"});
    CHECK(all_of(R"({"object":"event","id":"evt_1"})") == list{"unknown event evt_1"});
    CHECK(all_of(R"({"object":"event","id":1})") == list{"unknown event "});
    CHECK(all_of(R"({"object":1,"id":"x"})") == list{"invalid object: not a kind that is stored"});
    CHECK(all_of(R"({"object":"list","id":"x"})") == list{"unknown list x"});
    CHECK(all_of(R"({"id":"x"})") == list{"malformed not an object with `object` and `id`"});
    CHECK(all_of("7") == list{"malformed not an object with `object` and `id`"});
    const auto mixed = "[" + price + R"(,{"object":"event","id":"evt_1"},null,)" + with(price, "true", "1") + "]";
    const list expected{"0 price price_1", "1 unknown event evt_1", "2 malformed not an object with `object` and `id`",
                        "3 invalid price.active: not true or false"};
    CHECK(all_of(mixed) == expected);
    CHECK(all_of(R"({"object":"list","data":)" + mixed + "}") == expected);
    enough = 2;
    CHECK(all_of(mixed) == list{expected[0], expected[1]});
    CHECK(all_of("[" + price + ",") == list{"unreadable"});
    CHECK(seen.empty());
}
