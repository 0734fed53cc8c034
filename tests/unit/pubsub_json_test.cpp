// SPDX-License-Identifier: MPL-2.0
// Reading Pub/Sub push messages: which bodies are not messages, and the result for each value of a payload.
#include "support/pubsub_messages.hpp"
#include "support/stripe_objects.hpp"

#include <ctms/json/stripe_json.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace ctms;
using namespace ctms::test::stripe_objects;
using ctms::test::envelope_of;
using ctms::test::envelope_with_data;
using kind = json::pubsub_item::kind;
namespace bj = boost::json;

namespace {

constexpr auto not_from_pubsub = "Message does not appear to be from pubsub, do not send again.";
constexpr auto unknown_payload = "Unknown payload type, do not send again.";

/// Returns the message for the sender of an unreadable message, or "" if it can be read.
std::string refusal(std::string_view body) {
    const auto payload = json::read_pubsub_message(body);
    if (payload) return "";
    CHECK(payload.error().code == errc::malformed);
    return payload.error().message;
}

json::pubsub_payload read(std::string_view payload) {
    auto out = json::read_pubsub_message(envelope_of(payload));
    if (!out) FAIL(out.error().message);
    return std::move(*out);
}

json::pubsub_payload read(const bj::object& payload) { return read(bj::serialize(payload)); }

json::pubsub_item read_one(const bj::object& payload) {
    auto out = read(payload);
    REQUIRE(out.items.size() == 1);
    return std::move(out.items.front());
}

std::string nested(int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
}

} // namespace

TEST_CASE("a body that is not a JSON object is not from Pub/Sub") {
    for (const auto* body : {"", " ", "{", "no JSON", "null", "7", "true", R"("text")", "[]", "{}", "\xff", "message=x&subscription=y"}) {
        CAPTURE(body);
        CHECK(refusal(body) == not_from_pubsub);
    }
    CHECK(refusal("[" + envelope_of("{}") + "]") == not_from_pubsub);
    CHECK(refusal(envelope_of("{}") + "}") == not_from_pubsub);
}

TEST_CASE("an envelope without its members is not from Pub/Sub") {
    CHECK(refusal(R"({"message":{"data":"e30="},"subscription":"s"})") == "");
    for (const auto* body :
         {R"({"message":{"data":"e30="}})", R"({"subscription":"s"})", R"({"message":null,"subscription":"s"})",
          R"({"message":"e30=","subscription":"s"})", R"({"message":["data"],"subscription":"s"})", R"({"message":{},"subscription":"s"})",
          R"({"message":{"data":null},"subscription":"s"})", R"({"message":{"data":7},"subscription":"s"})",
          R"({"message":{"data":{}},"subscription":"s"})", R"({"data":"e30=","subscription":"s"})"}) {
        CAPTURE(body);
        CHECK(refusal(body) == not_from_pubsub);
    }
}

TEST_CASE("data that is not JSON in base64 is not from Pub/Sub") {
    for (const auto* data : {"{}", "e30", "e30=e30=", "e 30=", "e3_-", "=", "e31="}) {
        CAPTURE(data);
        CHECK(refusal(envelope_with_data(data)) == not_from_pubsub);
    }
    CHECK(refusal(envelope_with_data("")) == not_from_pubsub);
    for (const auto* payload : {"", "{", "no JSON", "{}{}", R"({"a":})", "\xff", "{\"a\":\"\xc3\"}"}) {
        CAPTURE(payload);
        CHECK(refusal(envelope_of(payload)) == not_from_pubsub);
    }
}

TEST_CASE("a payload above the limits of JSON is refused and one within them is accepted") {
    CHECK(refusal(envelope_of(R"({"object":"event","id":"e","x":)" + nested(31) + "}")) == "");
    CHECK(refusal(envelope_of(R"({"object":"event","id":"e","x":)" + nested(32) + "}")) == not_from_pubsub);
    CHECK(refusal(envelope_of(nested(100'000))) == not_from_pubsub);
    CHECK(refusal(R"({"subscription":)" + nested(100'000) + "}") == not_from_pubsub);
}

TEST_CASE("a payload that is neither a Stripe object nor a dictionary of them is unknown") {
    for (const auto* payload : {"[]",
                                "[{}]",
                                "null",
                                "7",
                                "-0.5",
                                "true",
                                "NaN",
                                R"("customer:cus_1")",
                                R"({"a":{}})",
                                R"({"customer":{}})",
                                R"({":":{}})",
                                R"({"customer:":{}})",
                                R"({":cus_1":{}})",
                                R"({"":{}})",
                                R"({"customer:cus_1":{},"other":{}})",
                                R"({"customer:cus_1":"text"})",
                                R"({"customer:cus_1":[]})",
                                R"({"customer:cus_1":7})",
                                R"({"customer:cus_1":false})",
                                R"({"object":"customer"})",
                                R"({"id":"cus_1"})"}) {
        CAPTURE(payload);
        CHECK(refusal(envelope_of(payload)) == unknown_payload);
    }
    CHECK(refusal(envelope_of(bj::serialize(bj::object{{"customer:cus_1", customer()}, {"price:price_1", "text"}}))) == unknown_payload);
}

TEST_CASE("an empty dictionary has no items") {
    const auto payload = read("{}");
    CHECK(payload.items.empty());
    CHECK(payload.text == "{}");
}

TEST_CASE("a payload that is a single object is read as that object") {
    const auto item = read_one(customer("cus_7", "fxa_7"));
    CHECK(item.what == kind::object);
    CHECK(item.name == "customer:cus_7");
    REQUIRE(item.value.has_value());
    CHECK(std::get<model::stripe::customer>(*item.value).fxa_id == "fxa_7");
}

TEST_CASE("the values of a dictionary are read in order and named by their contents, not by their keys") {
    const auto payload = read(bj::object{{"customers:one", customer()}, {"x:y:z", price()}, {"invoices:in_1", invoice()}});
    REQUIRE(payload.items.size() == 3);
    for (const auto& item : payload.items) CHECK(item.what == kind::object);
    CHECK(payload.items[0].name == "customer:cus_1");
    CHECK(payload.items[1].name == "price:price_1");
    CHECK(payload.items[2].name == "invoice:in_1");
    CHECK(std::holds_alternative<model::stripe::price>(payload.items[1].value.value()));
}

TEST_CASE("if a dictionary repeats a key, the last value is used") {
    const auto payload =
        read(R"({"customer:cus_1":)" + bj::serialize(customer("cus_0")) + R"(,"customer:cus_1":)" + bj::serialize(customer("cus_1")) + "}");
    REQUIRE(payload.items.size() == 1);
    CHECK(payload.items.front().name == "customer:cus_1");
}

TEST_CASE("values without members are empty and named by their keys") {
    const auto payload = read(R"({"customer:cus_1":{},"price:price_1":null})");
    REQUIRE(payload.items.size() == 2);
    for (const auto& item : payload.items) CHECK(item.what == kind::empty);
    CHECK(payload.items[0].name == "customer:cus_1");
    CHECK(payload.items[1].name == "price:price_1");
}

TEST_CASE("objects of kinds that are not stored are distinguished from invalid ones") {
    const auto alone = read_one({{"object", "payment_method"}, {"id", "pm_1"}});
    CHECK(alone.what == kind::unknown_kind);
    CHECK(alone.name == "payment_method:pm_1");
    const auto listed = read_one({{"event:evt_1", bj::object{{"object", "event"}}}});
    CHECK(listed.what == kind::unknown_kind);
    CHECK(listed.name == "event:evt_1");
    CHECK(read_one(line()).what == kind::unknown_kind); // lines come only with their invoice
}

TEST_CASE("an invalid object fails with a reason that does not contain the value") {
    const auto alone = read_one(with(subscription(), "status", "dormant, longer than its column"));
    CHECK(alone.what == kind::failed);
    CHECK(alone.name == "subscription:sub_1");
    REQUIRE(alone.value.has_error());
    CHECK(alone.value.error().detail.find("status") != std::string::npos);
    CHECK(alone.value.error().detail.find("dormant") == std::string::npos);
    const auto payload = read(bj::object{{"customer:cus_1", with(customer(), "created", "yesterday")}, {"price:price_1", price()}});
    REQUIRE(payload.items.size() == 2);
    CHECK(payload.items[0].what == kind::failed);
    CHECK(payload.items[0].value.error().detail.find("created") != std::string::npos);
    CHECK(payload.items[1].what == kind::object);
}

TEST_CASE("a value without a valid kind or id fails under its key") {
    for (const auto& value : {bj::object{{"a", 1}}, without(customer(), "id"), without(customer(), "object"), with(customer(), "id", 7),
                              with(customer(), "object", nullptr), with(customer(), "id", "")}) {
        CAPTURE(bj::serialize(value));
        const auto item = read_one({{"customer:key", value}});
        CHECK(item.what == kind::failed);
        CHECK(item.name == "customer:key");
        CHECK(item.value.has_error());
    }
    const auto alone = read_one(with(customer(), "id", 7));
    CHECK(alone.what == kind::failed);
    CHECK_FALSE(alone.name.empty());
}

TEST_CASE("the text of a payload is its JSON on one line") {
    CHECK(read("\n{ \"event:1\" : { \"object\" : \"event\",\r\n \"id\":\"1\", \"n\": [ 1.50, 12345678901234567890123 ] } }\t").text ==
          R"({"event:1":{"object":"event","id":"1","n":[1.50,12345678901234567890123]}})");
    CHECK(read(customer()).text == bj::serialize(customer()));
}
