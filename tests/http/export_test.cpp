// SPDX-License-Identifier: MPL-2.0
// Everything that is held about a person, for the person: complete, recorded, and without a way to run scripts.
#include <support/pubsub_messages.hpp>
#include <support/stripe_objects.hpp>
#include <support/web_fixture.hpp>

#include <persistence/clients/client_repository.hpp>
#include <persistence/contacts/personal_data.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <set>
#include <string>

namespace ctms::test {
namespace {

namespace bj = boost::json;

const std::string id = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93";

/// Stores Jane, with an account, a subscription, and a name that tries to become HTML.
void fill(web_fixture& web) {
    REQUIRE(web.post("/ctms", fmt::format(R"({{"email":{{"email_id":"{}","primary_email":"jane@example.com",)"
                                          R"("first_name":"<img src=x onerror=alert(1)>"}},"fxa":{{"fxa_id":"fxa_1"}},)"
                                          R"("newsletters":[{{"name":"hubs"}}]}})",
                                          id))
                .status == 201);
    REQUIRE(web.post("/ctms", R"({"email":{"primary_email":"joe@example.com"}})").status == 201);
    for (const auto& object : {stripe_objects::customer(), stripe_objects::subscription()})
        REQUIRE(web.post("/stripe", bj::serialize(object)).status == 200);
    web.sql(
        "insert into ctms_webhooks (webhook_id, name, url, events, with_contacts, allow_http, allow_private_address, secret, epoch, xid,"
        " email_id, system_identifier) values (gen_random_uuid(), 'shop', 'https://shop.example.com/', 'created', true, false, false,"
        " 'the secret of a webhook', 'e', '0', gen_random_uuid(), 1)");
}

http_answer page(web_fixture& web) { return web.ask("GET", "/ctms/" + id + "/export", {web.authorization(), {"Accept", "text/html"}}); }

} // namespace

TEST_CASE("an export has every place where something is held, and nothing about others") {
    web_fixture web;
    fill(web);
    const auto answer = web.get("/ctms/" + id + "/export");
    REQUIRE(answer.status == 200);
    CHECK(answer.header("cache-control") == "no-store");
    const auto all = bj::parse(answer.body).as_object();
    for (const auto& source : persistence::personal_sources()) {
        CAPTURE(source.member);
        if (source.shown != persistence::shown_as::copy) CHECK(all.contains({source.member.data(), source.member.size()}));
    }
    CHECK(all.at("email").at("primary_email") == "jane@example.com");
    CHECK(all.at("stripe_customers").at(0).at("stripe_id") == "cus_1");
    CHECK(all.at("stripe_subscription_items").at(0).at("stripe_id") == "si_1");
    CHECK(all.at("products").at(0).at("product_id") == "prod_1");
    CHECK(all.at("sync_queue").at(0).at("state") == "pending");
    CHECK(all.at("changes").at(0).at("client") == web_fixture::client);
    CHECK(all.at("webhooks").at(0).at("name") == "shop");
    CHECK(all.at("webhooks").at(0).at("has_latest_change") == false);
    CHECK(answer.body.find("joe@") == std::string::npos);
    CHECK(answer.body.find("the secret") == std::string::npos);
}

TEST_CASE("each export is recorded with its client and request, before it is made") {
    web_fixture web;
    fill(web);
    const auto first = web.get("/ctms/" + id + "/export");
    REQUIRE(first.status == 200);
    const auto audit = bj::parse(first.body).at("audit").as_array();
    REQUIRE(audit.size() == 1);
    CHECK(audit.at(0).at("actor") == web_fixture::client);
    CHECK(std::string(audit.at(0).at("details").at("request_id").as_string()) == first.header("x-request-id"));
    CHECK(web.get("/ctms/4f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93/export").status == 404);
    CHECK(web.sql("select from ctms_audit_log").size() == 1);
    web.sql("revoke insert on ctms_audit_log from ctms_test_web");
    CHECK(web.get("/ctms/" + id + "/export").status == 503);
}

TEST_CASE("an export has the parked messages that name the person in their data, and no others") {
    web_fixture web;
    fill(web);
    for (const std::string customer : {"cus_1", "cus_12"}) {
        web.sql(fmt::format("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values ('message', 'test',"
                            " convert_to('{}', 'UTF8'), '{}')",
                            envelope_of(fmt::format(R"({{"invoice:in_x":{{"object":"invoice","customer":"{}"}}}})", customer)), customer));
    }
    web.sql("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values"
            " ('message', 'test', convert_to('{\"message\":{\"data\":\"cus_1\"}', 'UTF8'), '\\xff')");
    const auto all = bj::parse(web.get("/ctms/" + id + "/export").body);
    CHECK(all.at("stripe_parked").as_array().size() == 2); // the last one has the id outside of its data
}

TEST_CASE("an export of a contact that was deleted has what is left") {
    web_fixture web;
    fill(web);
    REQUIRE(web.send("DELETE", "/ctms/jane%40example.com").status == 200);
    const auto answer = web.get("/ctms/" + id + "/export");
    REQUIRE(answer.status == 200);
    const auto all = bj::parse(answer.body).as_object();
    CHECK(all.at("email").is_null());
    CHECK(all.at("changes").at(0).at("deleted") == true);
    CHECK(answer.body.find("jane@example.com") != std::string::npos); // the queue has the address until the vendor knows
}

TEST_CASE("an export as a page has the same, with texts escaped, and may run nothing") {
    web_fixture web;
    fill(web);
    const auto answer = page(web);
    REQUIRE(answer.status == 200);
    CHECK(answer.header("content-type") == "text/html; charset=utf-8");
    CHECK(answer.header("content-security-policy").find("default-src 'none'") == 0);
    CHECK(answer.header("x-content-type-options") == "nosniff");
    CHECK(answer.body.starts_with("<!DOCTYPE html>"));
    CHECK(answer.body.ends_with("</html>\n"));
    CHECK(answer.body.find("&lt;img src=x onerror=alert(1)&gt;") != std::string::npos);
    for (const auto* forbidden : {"<img", "<script", "<style", "href=", "src=\"", "joe@", "the secret"}) {
        CAPTURE(forbidden);
        CHECK(answer.body.find(forbidden) == std::string::npos);
    }
    for (const auto* part : {"jane@example.com", "cus_1", "sub_1", "prod_1", "hubs", "shop"}) {
        CAPTURE(part);
        CHECK(answer.body.find(part) != std::string::npos);
    }
}

TEST_CASE("a long export is sent in pieces, and each row is there once") {
    web_fixture::options options;
    options.change_settings = [](config::settings& settings) { settings.history_days = 30; }; // otherwise old entries are removed
    web_fixture web(options);
    fill(web);
    web.sql(fmt::format("insert into ctms_history (email_id, what, changes) select '{}', 'updated',"
                        " json_build_array(json_build_object('field', n || repeat('x', 1000))) from generate_series(1, 3000) n",
                        id));
    const auto answer = web.get("/ctms/" + id + "/export");
    REQUIRE(answer.status == 200);
    std::set<std::int64_t> ids;
    const auto all = bj::parse(answer.body);
    std::size_t added = 0;
    for (const auto& row : all.at("history").as_array()) {
        ids.insert(row.at("id").to_number<std::int64_t>());
        if (bj::serialize(row).find("xxx") != std::string::npos) ++added;
    }
    CHECK(added == 3000);
    CHECK(ids.size() == all.at("history").as_array().size());
    CHECK(page(web).body.ends_with("</html>\n"));
}

TEST_CASE("neither exports nor the history write an address to the log or to metrics") {
    web_fixture::options options;
    options.change_settings = [](config::settings& settings) { settings.history_days = 30; };
    web_fixture web(options);
    fill(web);
    web.sql("insert into ctms_stripe_parked (object, reason, payload, payload_hash) values"
            " ('message', 'jane@example.com', convert_to('{\"email\":\"jane@example.com\"}', 'UTF8'), '')");
    CHECK(web.get("/ctms/" + id + "/export").body.find("jane@example.com") != std::string::npos);
    CHECK(page(web).status == 200);
    CHECK(web.get("/ctms/" + id + "/history?before=jane%40example.com").status == 422);
    CHECK(web.get("/ctms/jane%40example.com/history").status == 422);
    CHECK(web.get("/ctms/jane%40example.com/export").status == 422);
    CHECK(web.get("/ctms/" + id + "/history").body.find("example.com") == std::string::npos);
    web.sql("revoke select on ctms_history from ctms_test_web");
    CHECK(web.get("/ctms/" + id + "/history").status == 503);
    CHECK(web.get("/ctms/" + id + "/export").status == 503);
    CHECK(web.log_text().find("example.com") == std::string::npos);
    CHECK(web.ask("GET", "/metrics").body.find("example.com") == std::string::npos);
}

} // namespace ctms::test
