// SPDX-License-Identifier: MPL-2.0
// The responses to messages at POST /stripe_from_pubsub, and their effect on the tables, the queue and the log.
#include "support/closed_database.hpp"
#include "support/google_push.hpp"
#include "support/pubsub_messages.hpp"
#include "support/stripe_objects.hpp"
#include "support/stripe_tables.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ctms::test {
namespace {

using namespace stripe_objects;
using namespace stripe_tables;
namespace bj = boost::json;

std::string ok(int count) { return fmt::format(R"({{"status":"OK","count":{}}})", count); }

std::string accepted(std::string_view why) {
    return fmt::format(R"({{"status":"Accepted but not processed","message":"{}, do not send again."}})", why);
}

constexpr auto some_failed = "Errors processing the data";

/// Returns a dictionary of objects with the keys that Stripe's exports use.
bj::object dictionary(const std::vector<bj::object>& objects) {
    bj::object out;
    for (const auto& object : objects)
        out[fmt::format("{}s:{}", object.at("object").as_string().c_str(), object.at("id").as_string().c_str())] = object;
    return out;
}

std::string actions_of(pushed_server& server, const http_answer& answer) {
    const auto fields = server.web.fields_of(answer);
    return fields.contains("ingest_actions") ? bj::serialize(fields.at("ingest_actions")) : "";
}

/// Pushes a payload that must be accepted completely, and returns the actions in the log.
std::string take(pushed_server& server, const bj::object& payload, int count) {
    const auto answer = server.push(payload);
    CHECK(answer.status == 200);
    CHECK(answer.body == ok(count));
    CHECK_FALSE(server.web.fields_of(answer).contains("ingest_error"));
    return actions_of(server, answer);
}

} // namespace

TEST_CASE("Pub/Sub: a message with one object is stored") {
    pushed_server server;
    server.web.add_contact(contact);
    const auto before = queued(server.web);
    CHECK(take(server, customer(), 1) == R"({"created":["customer:cus_1"]})");
    CHECK(cells(server.web, "stripe_id, fxa_id", "stripe_customer") == "cus_1 fxa_1");
    CHECK(queued(server.web) == before + 1);
}

TEST_CASE("Pub/Sub: a message with several objects is stored, and its actions are logged together") {
    pushed_server server;
    CHECK(take(server, dictionary({subscription(), customer(), invoice(), price("price_2")}), 4) ==
          R"({"created":["customer:cus_1","invoice:in_1","line_item:il_1","price:price_1","price:price_2","subscription:sub_1",)"
          R"("subscription_item:si_1"],"no_change":["price:price_1"]})");
    CHECK(stored_rows(server.web) == 7);
    CHECK(take(server, {}, 0) == "");
}

TEST_CASE("Pub/Sub: sending the same message twice changes nothing") {
    pushed_server server;
    server.web.add_contact(contact);
    const auto payload = dictionary({invoice(), customer(), subscription({item("si_1"), item("si_2")}), price()});
    take(server, payload, 4);
    const auto stored = all_stored(server.web);
    const auto version = queued(server.web);
    for (int i = 0; i < 2; ++i) {
        CHECK(take(server, payload, 4) == R"({"no_change":["customer:cus_1","invoice:in_1","line_item:il_1","price:price_1",)"
                                          R"("subscription:sub_1","subscription_item:si_1","subscription_item:si_2"]})");
        CHECK(all_stored(server.web) == stored);
        CHECK(queued(server.web) == version);
    }
}

TEST_CASE("Pub/Sub: objects may arrive in any order") {
    pushed_server server;
    server.web.add_contact(contact);
    const std::vector<bj::object> objects{customer(), price(), subscription(), invoice()};
    std::vector<std::size_t> order{0, 1, 2, 3};
    std::string expected;
    do {
        empty_tables(server.web);
        const auto before = queued(server.web);
        std::vector<bj::object> ordered;
        for (const auto which : order) ordered.push_back(objects[which]);
        // Half of the orders are sent in one message, the others in one message per object.
        if (order[0] % 2 == 0) {
            take(server, dictionary(ordered), 4);
        } else {
            for (const auto& object : ordered) take(server, object, 1);
        }
        if (expected.empty()) expected = all_stored(server.web);
        CAPTURE(order);
        CHECK(all_stored(server.web) == expected);
        CHECK(queued(server.web) > before);
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(stored_rows(server.web) == 6);
}

TEST_CASE("Pub/Sub: unknown kinds are skipped and not counted") {
    pushed_server server;
    CHECK(take(server, {{"object", "payment_method"}, {"id", "pm_1"}}, 0) == R"({"skipped":["payment_method:pm_1"]})");
    CHECK(take(server, dictionary({{{"object", "event"}, {"id", "evt_1"}}, customer()}), 1) ==
          R"({"created":["customer:cus_1"],"skipped":["event:evt_1"]})");
}

TEST_CASE("Pub/Sub: the deletion of an unknown customer is skipped but counted") {
    pushed_server server;
    const bj::object gone{{"id", "cus_1"}, {"object", "customer"}, {"deleted", true}};
    CHECK(take(server, gone, 1) == R"({"skipped":["customer:cus_1"]})");
    CHECK(stored_rows(server.web) == 0);
    CHECK(take(server, dictionary({customer("cus_2"), gone}), 2) == R"({"created":["customer:cus_2"],"skipped":["customer:cus_1"]})");
}

TEST_CASE("Pub/Sub: values without members are logged and not counted") {
    pushed_server server;
    auto payload = dictionary({customer()});
    payload["customer:cus_2"] = bj::object{};
    payload["price:price_1"] = nullptr;
    const auto answer = server.push(payload);
    CHECK(answer.status == 200);
    CHECK(answer.body == ok(1));
    CHECK(server.web.fields_of(answer).at("ingest_empty") == "customer:cus_2,price:price_1");
    CHECK_FALSE(server.web.fields_of(server.push(customer())).contains("ingest_empty"));
}

TEST_CASE("Pub/Sub: an invalid object does not prevent others from being stored") {
    pushed_server server;
    const auto answer = server.push(dictionary({customer(), with(subscription(), "status", "dormant until further notice"),
                                                without(price("price_3"), "product"), price("price_2")}));
    CHECK(answer.status == 202);
    CHECK(answer.body == accepted(some_failed));
    CHECK(cells(server.web, "stripe_id", "stripe_customer") == "cus_1");
    CHECK(cells(server.web, "stripe_id", "stripe_price") == "price_2");
    CHECK(stored_rows(server.web) == 2);
    const auto line = server.web.line_of(answer);
    CHECK(line.at("Severity") == 6);
    const auto& fields = line.at("Fields").as_object();
    CHECK(bj::serialize(fields.at("ingest_actions")) == R"({"created":["customer:cus_1","price:price_2"]})");
    const std::string said(fields.at("ingest_error").as_string());
    CHECK(said.starts_with("subscription:sub_1: "));
    CHECK(said.find("status") != std::string::npos);
    CHECK(said.find("; price:price_3: ") != std::string::npos);
    CHECK(said.find("dormant") == std::string::npos);
}

TEST_CASE("Pub/Sub: what cannot be stored is parked before it is acknowledged") {
    pushed_server server;
    const auto broken = without(price("price_3"), "product");
    const auto answer = server.push(dictionary({customer(), broken}));
    CHECK(answer.status == 202);
    CHECK(server.web.fields_of(answer).at("ingest_parked") == 1);
    CHECK(cells(server.web, "object, reason, deliveries", "ctms_stripe_parked") == "price:price_3 price.product: missing 1");
    CHECK(bj::parse(cells(server.web, "convert_from(payload, 'UTF8')", "ctms_stripe_parked")) == broken);
    CHECK(server.push(broken).status == 202); // delivered again: the same row
    CHECK(cells(server.web, "object, deliveries", "ctms_stripe_parked") == "price:price_3 2");
    CHECK(server.push(with(broken, "active", false)).status == 202); // another state
    CHECK(server.web.sql("select 1 from ctms_stripe_parked").size() == 2);
    CHECK(server.web.sql("select 1 from ctms_stripe_parked where payload::text like '%example.com%'").empty());
    const auto metrics = server.web.ask("GET", "/metrics").body;
    CHECK(metrics.find("\nctms_stripe_parked_total 3\n") != std::string::npos);
    CHECK(metrics.find("\nctms_stripe_parked_objects 2\n") != std::string::npos);
}

TEST_CASE("Pub/Sub: a message that cannot be read is parked as it arrived") {
    pushed_server server;
    const auto token = google_push::token();
    const std::string odd("\xFF\0{", 3);
    CHECK(google_push::send(server.web, odd, token).status == 202);
    CHECK(google_push::push(server.web, "[]").status == 202);
    CHECK(google_push::send(server.web, "", token).status == 202);
    CHECK(cells(server.web, "object, octet_length(payload) > 3, reason", "ctms_stripe_parked") ==
          "message f Message does not appear to be from pubsub, do not send again.; "
          "message f Message does not appear to be from pubsub, do not send again.; "
          "message t Unknown payload type, do not send again.");
    CHECK(server.web.sql("select 1 from ctms_stripe_parked where payload = '\\xff007b'").size() == 1);
}

TEST_CASE("Pub/Sub: a message is not acknowledged if it can be neither stored nor parked") {
    pushed_server server;
    const auto broken = without(price(), "product");
    server.web.sql("insert into ctms_stripe_parked (object, reason, payload, payload_hash)"
                   " select 'x:' || n, 'test', '', '' from generate_series(1, 10000) as n");
    const auto full = server.push(broken);
    CHECK(full.status == 503);
    CHECK(std::string(server.web.fields_of(full).at("error").as_string()).find("parked") != std::string::npos);
    CHECK(google_push::push(server.web, "[]").status == 503);
    CHECK(server.push(customer()).status == 200);
    server.web.sql("truncate ctms_stripe_parked; alter table ctms_stripe_parked rename to elsewhere");
    CHECK(server.push(broken).status >= 500);
    server.web.sql("alter table elsewhere rename to ctms_stripe_parked");
    CHECK(server.push(broken).status == 202);
}

TEST_CASE("Pub/Sub: no address gets into the reasons of parked objects, the log or the metrics") {
    pushed_server server;
    const std::string address = "who@example.com";
    const bj::object short_type{{"type", "a@b.example"}, {"a@b.example", 7}};
    const auto newer = without(without(line(), "type"), "price");
    for (const auto& broken :
         {with(subscription(), "status", bj::string(address + " for a long time")), with(customer(), "created", bj::string(address)),
          with(customer(), "description", bj::object{{address, address}}), with(price(), "currency", bj::string(address)),
          invoice({with(with(newer, "pricing", bj::string(address)), "parent", nullptr)}),
          invoice({with(with(newer, "pricing", nullptr), "parent", bj::object{{"type", bj::string(address + address)}})}),
          invoice({with(with(newer, "pricing", 1), "parent", short_type)})}) {
        CAPTURE(bj::serialize(broken));
        CHECK(server.push(broken).status == 202);
        CHECK(server.push(bj::object{{"customer:" + address, with(broken, "id", 1)}}).status == 202);
    }
    CHECK(server.web.sql("select 1 from ctms_stripe_parked").size() == 14);
    CHECK(server.web.sql("select 1 from ctms_stripe_parked where reason like '%@%'").empty());
    CHECK(server.web.log_text().find("@example.com") == std::string::npos);
    CHECK(server.web.ask("GET", "/metrics").body.find('@') == std::string::npos);
}

TEST_CASE("Pub/Sub: a message with one invalid object is not sent again") {
    pushed_server server;
    const auto answer = server.push(without(customer(), "description"));
    CHECK(answer.status == 202);
    CHECK(answer.body == accepted(some_failed));
    CHECK(server.web.fields_of(answer).at("ingest_error").as_string().starts_with("customer:cus_1: "));
    CHECK(actions_of(server, answer) == "");
    CHECK(stored_rows(server.web) == 0);
}

TEST_CASE("Pub/Sub: no readable message fails, because it would be sent again and again") {
    pushed_server server;
    const auto nul = bj::string("a\0b", 3);
    const bj::string lengthy(300, 'x');
    const std::string lone_surrogate = R"({"object":"customer","id":"\ud800","created":1,"description":"\udfff",)"
                                       R"("default_source":null,"invoice_settings":{"default_payment_method":null}})";
    CHECK(google_push::push(server.web, lone_surrogate).status == 202);
    for (const bj::value& value :
         {bj::value(nul), bj::value(lengthy), bj::value(-1), bj::value(1.5), bj::value(1e300), bj::value(INT64_MAX),
          bj::value(std::int64_t{1} << 40), bj::value(bj::array{}), bj::value(bj::object{}), bj::value(true)}) {
        for (const auto& object : {customer(), price(), subscription(), item(), invoice()}) {
            for (const auto& member : object) {
                const std::string name(member.key());
                CAPTURE(name);
                CAPTURE(bj::serialize(value));
                CHECK(server.push(with(object, name, value)).status < 300);
                CHECK(server.push(bj::object{{"key:1", with(object, name, value)}}).status < 300);
            }
        }
    }
}

TEST_CASE("Pub/Sub: a body that is not from Pub/Sub is not sent again") {
    pushed_server server;
    const auto token = google_push::token();
    for (const std::string& body : {std::string(), std::string("{"), std::string("[]"), std::string("{}"), bj::serialize(customer()),
                                    std::string(R"({"message":{"data":"e30="}})"), envelope_with_data("e30"), envelope_of("no JSON")}) {
        CAPTURE(body);
        const auto answer = google_push::send(server.web, body, token);
        CHECK(answer.status == 202);
        CHECK(answer.body == accepted("Message does not appear to be from pubsub"));
        CHECK_FALSE(server.web.fields_of(answer).at("ingest_error").as_string().empty());
        CHECK(server.web.fields_of(answer).at("client_allowed") == true);
    }
    CHECK(stored_rows(server.web) == 0);
}

TEST_CASE("Pub/Sub: a payload of an unknown type is not sent again") {
    pushed_server server;
    auto mixed = dictionary({customer()});
    mixed["price_1"] = price();
    for (const std::string& payload : {std::string("[]"), std::string("null"), std::string(R"("text")"), std::string("7"),
                                       std::string(R"({"a":1})"), bj::serialize(mixed), "[" + bj::serialize(customer()) + "]"}) {
        CAPTURE(payload);
        const auto answer = google_push::push(server.web, payload);
        CHECK(answer.status == 202);
        CHECK(answer.body == accepted("Unknown payload type"));
        CHECK_FALSE(server.web.fields_of(answer).at("ingest_error").as_string().empty());
    }
    CHECK(stored_rows(server.web) == 0);
}

TEST_CASE("Pub/Sub: a customer that takes over another's account is logged as a conflict") {
    pushed_server server;
    take(server, dictionary({customer("cus_a", "fxa_a"), customer("cus_b", "fxa_b")}), 2);
    const auto one = server.push(customer("cus_c", "fxa_a"));
    CHECK(actions_of(server, one) == R"({"created":["customer:cus_c"],"deleted":["customer:cus_a"]})");
    CHECK(server.web.fields_of(one).at("fxa_id_conflict") == "fxa_a");
    const auto two = server.push(dictionary({customer("cus_d", "fxa_b"), customer("cus_e", "fxa_a")}));
    CHECK(server.web.fields_of(two).at("fxa_id_conflict") == "fxa_a,fxa_b");
    CHECK(cells(server.web, "stripe_id", "stripe_customer") == "cus_d; cus_e");
    CHECK_FALSE(server.web.fields_of(server.push(customer("cus_d", "fxa_b"))).contains("fxa_id_conflict"));
}

TEST_CASE("Pub/Sub: only traced customers appear in the log, sorted, with the decoded payload") {
    pushed_server server;
    const std::string ann = "ann+trace-me-mozilla-1@example.com";
    const std::string zoe = "zoe+trace_me_mozilla_2@example.com";
    const auto one = with(customer(), "email", bj::string(zoe));
    const auto alone = server.web.fields_of(server.push(one));
    CHECK(alone.at("trace") == bj::string(zoe));
    CHECK(alone.at("trace_json") == bj::value(one));

    const auto several = dictionary({one, with(customer("cus_2", "fxa_2"), "email", bj::string(ann)), customer("cus_3", "fxa_3")});
    auto expected = several;
    expected.at("customers:cus_3").as_object()["email"] = "[OMITTED]";
    const auto together = server.web.fields_of(server.push(several));
    CHECK(together.at("trace") == bj::string(ann + "," + zoe));
    CHECK(together.at("trace_json") == bj::value(expected));

    const auto nobody = server.web.fields_of(server.push(customer()));
    CHECK_FALSE(nobody.contains("trace"));
    CHECK_FALSE(nobody.contains("trace_json"));
    CHECK(server.web.log_text().find("payer@example.com") == std::string::npos);
}

TEST_CASE("Pub/Sub: addresses in keys and ids do not get into the log") {
    pushed_server server;
    const std::string address = "who@example.com";
    for (const bj::object& payload :
         {bj::object{{"customer:" + address, bj::object{}}}, bj::object{{"customer:" + address, bj::object{{"a", 1}}}},
          dictionary({customer(address, address)}), dictionary({customer("other" + address, address)}),
          dictionary({without(price(address), "product")}), bj::object{{"object", "who@example.com"}, {"id", address}}}) {
        CAPTURE(bj::serialize(payload));
        CHECK(server.push(payload).status < 300);
    }
    CHECK(server.web.log_text().find("who") == std::string::npos);
}

TEST_CASE("Pub/Sub: a message that arrives while the database is down is sent again and then stored") {
    pushed_server server;
    CHECK(take(server, price(), 1) != "");
    {
        const closed_database closed(server.web.database());
        const auto answer = server.push(customer());
        CHECK(answer.status == 503);
        const auto line = server.web.line_of(answer);
        CHECK(line.at("Severity") == 3);
        CHECK(line.at("Fields").as_object().at("client_allowed") == true);
        CHECK_FALSE(line.at("Fields").as_object().at("error").as_string().empty());
    }
    CHECK(becomes_true([&] { return server.push(customer()).status == 200; }));
}

TEST_CASE("Pub/Sub: many concurrent senders of overlapping messages neither fail nor lose anything") {
    google_push google;
    auto options = google.server_options([](config::settings& settings) { enough_for_many().change_settings(settings); });
    web_fixture web(options);
    web.add_contact(contact);
    const auto outcome = send_from_many(web, 8, 4, [&](const std::vector<bj::object>& objects) {
        const auto answer = google_push::push(web, dictionary(objects));
        return answer.status == 200 && answer.body == ok(static_cast<int>(objects.size()));
    });
    CHECK(outcome.failed == 0);
    CHECK(outcome.together == outcome.alone);
    CHECK(web.sql("select 1 from stripe_subscription_item").size() == 30);
}

} // namespace ctms::test
