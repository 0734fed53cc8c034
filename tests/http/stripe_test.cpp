// SPDX-License-Identifier: MPL-2.0
// POST /stripe as the sender of Stripe objects sees it, and its effect on the tables, the queue and the log.
#include "support/stripe_objects.hpp"
#include "support/stripe_tables.hpp"
#include "support/web_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace ctms::test {
namespace {

using namespace stripe_objects;
using namespace stripe_tables;
namespace bj = boost::json;

constexpr auto not_recognized = R"({"detail":"Request JSON is not recognized."})";
constexpr auto not_processed = R"({"detail":"Unable to process Stripe object."})";

http_answer post(web_fixture& server, const bj::object& object) { return server.post("/stripe", bj::serialize(object)); }

/// Sends an object that must be accepted, and returns the actions in the log.
std::string ingest(web_fixture& server, const bj::object& object) {
    const auto answer = post(server, object);
    CHECK(answer.status == 200);
    CHECK(answer.body == R"({"status":"OK"})");
    const auto fields = server.fields_of(answer);
    CHECK_FALSE(fields.contains("ingest_error"));
    return fields.contains("ingest_actions") ? bj::serialize(fields.at("ingest_actions")) : "";
}

} // namespace

TEST_CASE("Stripe: each kind of object is stored with its values") {
    web_fixture server;
    CHECK(ingest(server, customer()) == R"({"created":["customer:cus_1"]})");
    CHECK(cells(server,
                "stripe_id, fxa_id, coalesce(default_source_id, '-'), invoice_settings_default_payment_method_id, deleted, "
                "extract(epoch from stripe_created)::bigint",
                "stripe_customer") == "cus_1 fxa_1 - pm_1 f 1635176040");

    CHECK(ingest(server, price()) == R"({"created":["price:price_1"]})");
    CHECK(cells(server,
                "stripe_id, stripe_product_id, active, currency, recurring_interval, recurring_interval_count, unit_amount, "
                "extract(epoch from stripe_created)::bigint",
                "stripe_price") == "price_1 prod_1 t usd month 1 999 1603795500");

    CHECK(ingest(server, subscription()) == R"({"created":["subscription:sub_1","subscription_item:si_1"],"no_change":["price:price_1"]})");
    CHECK(cells(server,
                "stripe_id, stripe_customer_id, status, cancel_at_period_end, coalesce(default_source_id, '-'), default_payment_method_id, "
                "extract(epoch from current_period_start)::bigint, extract(epoch from current_period_end)::bigint, "
                "coalesce(canceled_at::text, '-'), coalesce(ended_at::text, '-')",
                "stripe_subscription") == "sub_1 cus_1 active f - pm_2 1635292800 1637971200 - -");
    CHECK(cells(server, "stripe_id, stripe_subscription_id, stripe_price_id", "stripe_subscription_item") == "si_1 sub_1 price_1");

    CHECK(ingest(server, item("si_2")) == R"({"created":["subscription_item:si_2"],"no_change":["price:price_1"]})");
    CHECK(cells(server, "stripe_id", "stripe_subscription_item") == "si_1; si_2");

    CHECK(ingest(server, invoice()) == R"({"created":["invoice:in_1","line_item:il_1"],"no_change":["price:price_1"]})");
    CHECK(cells(server, "stripe_id, stripe_customer_id, currency, total, status", "stripe_invoice") == "in_1 cus_1 usd 1000 open");
    CHECK(cells(server,
                "stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, coalesce(stripe_invoice_item_id, '-'), "
                "stripe_subscription_id, stripe_subscription_item_id, amount, currency",
                "stripe_invoice_line_item") == "il_1 in_1 subscription price_1 - sub_1 si_1 1000 usd");
}

TEST_CASE("Stripe: a change queues the contact and the same object again does not") {
    web_fixture server;
    server.add_contact(contact);
    std::int64_t version = queued(server);
    for (const auto& object :
         {customer(), subscription(), with(customer(), "default_source", "card_1"), with(subscription(), "status", "past_due"),
          subscription({item("si_1", price("price_1", 1299))}), item("si_2"), price("price_1", 5)}) {
        CAPTURE(bj::serialize(object));
        CHECK(ingest(server, object) != "");
        CHECK(queued(server) == version + 1);
        const auto again = ingest(server, object);
        CHECK(again.starts_with(R"({"no_change":)"));
        CHECK(again.find("created") == std::string::npos);
        CHECK(queued(server) == version + 1);
        version = queued(server);
    }
    CHECK(ingest(server, customer("cus_2", "fxa of nobody")) == R"({"created":["customer:cus_2"]})");
    CHECK(queued(server) == version);
    CHECK(server.sql("select 1 from ctms_sync_queue").size() == 1);
}

TEST_CASE("Stripe: objects may arrive before their customer and before the contact") {
    web_fixture server;
    CHECK(ingest(server, invoice()) != "");
    CHECK(ingest(server, subscription()) != "");
    CHECK(server.sql("select 1 from ctms_sync_queue").empty());
    server.add_contact(contact);
    const auto before = queued(server);
    CHECK(ingest(server, customer()) == R"({"created":["customer:cus_1"]})");
    CHECK(queued(server) == before + 1);
}

TEST_CASE("Stripe: items and lines that are no longer listed are deleted") {
    web_fixture server;
    ingest(server, subscription({item("si_1"), item("si_2")}));
    CHECK(ingest(server, subscription({item("si_2")})) ==
          R"({"deleted":["subscription_item:si_1"],"no_change":["price:price_1","subscription:sub_1","subscription_item:si_2"]})");
    CHECK(cells(server, "stripe_id", "stripe_subscription_item") == "si_2");
    CHECK(ingest(server, subscription(bj::array{})) == R"({"deleted":["subscription_item:si_2"],"no_change":["subscription:sub_1"]})");
    CHECK(cells(server, "stripe_id", "stripe_subscription_item") == "");

    ingest(server, invoice({line("il_1"), line("il_2")}));
    CHECK(ingest(server, invoice({line("il_2")})) ==
          R"({"deleted":["line_item:il_1"],"no_change":["invoice:in_1","line_item:il_2","price:price_1"]})");
    CHECK(cells(server, "stripe_id", "stripe_invoice_line_item") == "il_2");
}

TEST_CASE("Stripe: the log of many objects names some of them and says how many it leaves out") {
    web_fixture server;
    bj::array items;
    for (int i = 1000; i < 1050; ++i) items.push_back(item("si_" + std::to_string(i)));
    const auto fields = server.fields_of(post(server, subscription(items)));
    const auto& created = fields.at("ingest_actions").at("created").as_array();
    CHECK(created.at(0) == "price:price_1");
    CHECK(created.size() > 5);
    CHECK(created.size() + static_cast<std::size_t>(fields.at("ingest_left_out").as_int64()) >= 52); // a price, a subscription, its items
    CHECK(fields.at("shortened").as_bool());
}

TEST_CASE("Stripe: a customer that takes over another's account deletes the other customer") {
    web_fixture server;
    server.add_contact(contact);
    ingest(server, customer("cus_old"));
    const auto before = queued(server);
    const auto answer = post(server, customer("cus_new"));
    CHECK(answer.status == 200);
    const auto fields = server.fields_of(answer);
    CHECK(bj::serialize(fields.at("ingest_actions")) == R"({"created":["customer:cus_new"],"deleted":["customer:cus_old"]})");
    CHECK(fields.at("fxa_id_conflict") == "fxa_1");
    CHECK(cells(server, "stripe_id", "stripe_customer") == "cus_new");
    CHECK(queued(server) == before + 1);
    CHECK_FALSE(server.fields_of(post(server, customer("cus_new"))).contains("fxa_id_conflict"));
}

TEST_CASE("Stripe: a deleted customer is marked if it is known and skipped otherwise") {
    web_fixture server;
    const bj::object gone{{"id", "cus_1"}, {"object", "customer"}, {"deleted", true}};
    CHECK(ingest(server, gone) == R"({"skipped":["customer:cus_1"]})");
    CHECK(stored_rows(server) == 0);
    ingest(server, customer());
    ingest(server, gone);
    CHECK(cells(server, "stripe_id, fxa_id, deleted", "stripe_customer") == "cus_1 fxa_1 t");
    CHECK(ingest(server, gone) == R"({"no_change":["customer:cus_1"]})");
    CHECK(ingest(server, customer()) == R"({"skipped":["customer:cus_1"]})"); // an older state: a deletion is final
    CHECK(cells(server, "deleted", "stripe_customer") == "t");
}

TEST_CASE("Stripe: objects that belong to nobody are skipped, not refused") {
    web_fixture server;
    CHECK(ingest(server, with(customer(), "description", nullptr)) == R"({"skipped":["customer:cus_1"]})");
    CHECK(ingest(server, with(customer(), "description", "")) == R"({"skipped":["customer:cus_1"]})");
    CHECK(ingest(server, with(invoice(), "customer", nullptr)) == R"({"skipped":["invoice:in_1"]})");
    CHECK(stored_rows(server) == 0);
    CHECK(server.log_text().find("payer@example.com") == std::string::npos);
}

TEST_CASE("Stripe: values that CTMS does not know are stored and logged") {
    web_fixture server;
    const auto answer =
        post(server, with(subscription({item("si_1", with(price(), "recurring", bj::object{{"interval", "moon"}, {"interval_count", 1}}))}),
                          "status", "dormant"));
    CHECK(answer.status == 200);
    CHECK(cells(server, "status", "stripe_subscription") == "dormant");
    CHECK(cells(server, "recurring_interval", "stripe_price") == "moon");
    CHECK(server.fields_of(answer).at("ingest_unknown") == "price.recurring.interval: moon,subscription.status: dormant");
    CHECK_FALSE(server.fields_of(post(server, with(subscription(), "status", "paused"))).contains("ingest_unknown"));
    const auto odd = post(server, with(subscription(), "status", "who@example.com"));
    CHECK(odd.status == 200);
    CHECK(server.fields_of(odd).at("ingest_unknown") == "subscription.status");
    CHECK(server.log_text().find("who@example.com") == std::string::npos);
}

TEST_CASE("Stripe: a line waits for its price, in whatever order they arrive") {
    const bj::object parent{{"type", "subscription_item_details"},
                            {"subscription_item_details", bj::object{{"subscription", "sub_1"}, {"subscription_item", "si_1"}}}};
    const bj::object pricing{{"type", "price_details"}, {"price_details", bj::object{{"price", "price_1"}, {"product", "prod_1"}}}};
    auto newer = with(with(without(without(line(), "type"), "price"), "parent", parent), "pricing", pricing);
    auto free = with(with(newer, "id", "il_2"), "pricing", nullptr);
    const auto bill = invoice({newer, free});
    const std::string columns = "stripe_id, stripe_invoice_id, stripe_type, coalesce(stripe_price_id, '-'), stripe_subscription_id,"
                                " stripe_subscription_item_id, amount, currency";
    for (const bool price_first : {true, false}) {
        CAPTURE(price_first);
        web_fixture server;
        if (price_first) CHECK(ingest(server, price()) != "");
        CHECK(ingest(server, bill) == R"({"created":["invoice:in_1","line_item:il_1","line_item:il_2"]})");
        CHECK(ingest(server, bill) == R"({"no_change":["invoice:in_1","line_item:il_1","line_item:il_2"]})");
        if (!price_first) {
            CHECK(cells(server, columns, "stripe_invoice_line_item") == "");
            CHECK(ingest(server, subscription()) != ""); // contains the price
        }
        CHECK(cells(server, columns, "stripe_invoice_line_item") == "il_1 in_1 subscription price_1 sub_1 si_1 1000 usd");
        CHECK(cells(server, columns, "ctms_stripe_lines") == "il_2 in_1 subscription - sub_1 si_1 1000 usd");
        CHECK(ingest(server, bill) == R"({"no_change":["invoice:in_1","line_item:il_1","line_item:il_2"]})");
        CHECK(ingest(server, invoice({newer})) == R"({"deleted":["line_item:il_2"],"no_change":["invoice:in_1","line_item:il_1"]})");
        CHECK(cells(server, columns, "ctms_stripe_lines") == "");
    }
}

TEST_CASE("Stripe: a body that is not an object is refused and nothing is stored") {
    web_fixture server;
    for (const std::string body : {"", "{", "{}", "[]", "null", "5", R"("object id")", R"(["object","id"])", R"({"object":"customer"})",
                                   R"({"id":"cus_1"})", "object=customer&id=cus_1"}) {
        CAPTURE(body);
        const auto answer = server.post("/stripe", body);
        CHECK(answer.status == 400);
        CHECK(answer.body == not_recognized);
        CHECK_FALSE(server.fields_of(answer).contains("ingest_actions"));
        CHECK(server.fields_of(answer).at("ingest_error").as_string() == "Request JSON is not recognized.");
    }
    CHECK(server.send("POST", "/stripe").body == not_recognized);
    CHECK(stored_rows(server) == 0);
}

TEST_CASE("Stripe: an object with a missing or invalid member is refused and nothing is stored") {
    web_fixture server;
    for (const auto& object : {without(customer(), "description"),
                               without(customer(), "created"),
                               without(customer(), "default_source"),
                               without(customer(), "invoice_settings"),
                               with(customer(), "description", 7),
                               with(customer(), "created", "soon"),
                               with(customer(), "invoice_settings", nullptr),
                               customer("cus_1", std::string(256, 'f')),
                               without(price(), "product"),
                               with(price(), "currency", "usdx"),
                               with(price(), "unit_amount", "9.99"),
                               with(price(), "recurring", bj::object{{"interval", "fortnight"}, {"interval_count", 1}}),
                               without(subscription(), "items"),
                               with(subscription(), "status", "dormant until further notice"),
                               without(subscription(), "current_period_end"),
                               subscription({without(item(), "price")}),
                               subscription({price()}),
                               subscription({item("si_1"), item("si_2", without(price(), "active"))}),
                               with(invoice(), "status", "lost at sea for good"),
                               without(invoice(), "total"),
                               invoice({line(), without(line("il_2"), "type")}),
                               invoice({with(line(), "type", "gift of a friend")}),
                               line(),
                               bj::object{{"object", "payment_method"}, {"id", "pm_1"}}}) {
        CAPTURE(bj::serialize(object));
        const auto answer = post(server, object);
        CHECK(answer.status == 400);
        CHECK(answer.body == not_processed);
        CHECK(stored_rows(server) == 0);
        const auto fields = server.fields_of(answer);
        CHECK_FALSE(fields.contains("ingest_actions"));
        REQUIRE(fields.contains("ingest_error"));
        CHECK_FALSE(fields.at("ingest_error").as_string().empty());
    }
}

TEST_CASE("Stripe: the log names the invalid member but not its value") {
    web_fixture server;
    const auto fields = server.fields_of(post(server, with(subscription(), "status", "dormant until further notice")));
    const std::string said(fields.at("ingest_error").as_string());
    CHECK(said.find("status") != std::string::npos);
    CHECK(said.find("dormant") == std::string::npos);
    const auto inner = server.fields_of(post(server, subscription({item("si_1", without(price(), "product"))})));
    CHECK(std::string(inner.at("ingest_error").as_string()).find("product") != std::string::npos);
}

TEST_CASE("Stripe: the token is checked before the body, and the media type is not checked") {
    web_fixture server;
    const auto json = bj::serialize(customer());
    for (const auto& body : {json, std::string("{"), std::string()}) {
        const auto answer = server.ask("POST", "/stripe", {{"Content-Type", "application/json"}}, body);
        CHECK(answer.status == 401);
        CHECK(answer.body == R"({"detail":"Not authenticated"})");
    }
    CHECK(stored_rows(server) == 0);
    for (const std::string type : {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}) {
        CAPTURE(type);
        CHECK(server.ask("POST", "/stripe", {server.authorization(), {"Content-Type", type}}, json).status == 200);
    }
    CHECK(server.get("/stripe").status == 405);
}

TEST_CASE("Stripe: a database failure is logged, and the object can be sent again") {
    web_fixture server;
    server.sql("alter table stripe_customer rename to elsewhere");
    const auto answer = post(server, customer());
    CHECK(answer.status >= 500);
    CHECK_FALSE(std::string(server.fields_of(answer).at("error").as_string()).empty());
    server.sql("alter table elsewhere rename to stripe_customer");
    CHECK(post(server, customer()).status == 200);
}

TEST_CASE("Stripe: only a traced customer appears in the log, with the body as sent") {
    web_fixture server;
    const std::string traced = "jane+trace-me-mozilla-1@example.com";
    const auto sent = with(with(customer(), "email", bj::string(traced)), "name", "also@example.com");
    const auto answer = server.post("/stripe", "  " + bj::serialize(sent) + "\n");
    REQUIRE(answer.status == 200);
    const auto fields = server.fields_of(answer);
    CHECK(fields.at("trace").as_string() == traced);
    CHECK(fields.at("trace_json").as_object() == with(sent, "name", "[OMITTED]"));
    const auto other = server.fields_of(post(server, customer()));
    CHECK_FALSE(other.contains("trace"));
    CHECK_FALSE(other.contains("trace_json"));
    CHECK(server.log_text().find("payer@example.com") == std::string::npos);
}

TEST_CASE("Stripe: addresses in ids are not logged") {
    web_fixture server;
    ingest(server, customer("who@example.com", "where@example.com"));
    const auto answer = post(server, customer("other@example.com", "where@example.com"));
    REQUIRE(answer.status == 200);
    CHECK(server.fields_of(answer).at("fxa_id_conflict") == "[OMITTED]");
    CHECK(server.log_text().find("@example.com") == std::string::npos);
}

TEST_CASE("Stripe: many concurrent senders of subscriptions that share prices neither fail nor lose anything") {
    web_fixture server(enough_for_many());
    server.add_contact(contact);
    ingest(server, customer());
    const auto outcome = send_from_many(server, 25, 1, [&](const std::vector<bj::object>& objects) {
        return ask(server.port(), "POST", "/stripe", {server.authorization()}, bj::serialize(objects.at(0))).status == 200;
    });
    CHECK(outcome.failed == 0);
    CHECK(outcome.together == outcome.alone);
    CHECK(server.sql("select 1 from stripe_subscription_item").size() == 30);
}

} // namespace ctms::test
