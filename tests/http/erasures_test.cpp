// SPDX-License-Identifier: MPL-2.0
// POST /erasures and GET /erasures/{id}, legal holds and suppressed addresses as clients of the API see them.
#include <support/person.hpp>
#include <support/web_fixture.hpp>

#include <ctms/persistence/migrations.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/core.h>

#include <string>

using namespace ctms::test;
namespace bj = boost::json;

namespace {

constexpr auto order = R"({"primary_email":"jane.doe@example.com"})";
constexpr auto suppressing = R"({"primary_email":"jane.doe@example.com","suppress":true})";

web_fixture::options with_key(bool opts_out = false) {
    return {.change_settings = [opts_out](ctms::config::settings& settings) {
        settings.suppression_keys = {"the key of the tests, with 32 bytes"};
        settings.suppression_opts_out = opts_out;
    }};
}

bool names_the_person(const std::string& text) {
    for (const std::string word : {"ane.doe", "ane.Doe", "example.com", "account_7", "cus_7", person_id}) {
        if (text.find(word) != std::string::npos) return true;
    }
    return false;
}

} // namespace

TEST_CASE("erasing a person returns a receipt, which says what is done and what is pending") {
    web_fixture web;
    web.sql(insert_person());
    const auto done = web.post("/erasures", order);
    REQUIRE(done.status == 201);
    const auto receipt = bj::parse(done.body);
    const std::string id(receipt.at("id").as_string());
    CHECK(done.header("location") == "/erasures/" + id);
    CHECK(receipt.at("erased") == bj::parse(R"({"contacts":1,"stripe_objects":6,"parked_objects":1})"));
    CHECK(receipt.at("suppressed") == false);
    CHECK(receipt.at("vendor") == bj::parse(R"({"state":"waiting","waiting":1,"confirmed_at":null})"));
    CHECK_FALSE(names_the_person(done.body));
    CHECK(web.get("/erasures/" + id).body == done.body);
    CHECK(web.get(std::string("/ctms/") + person_id).status == 404);
    CHECK(bj::parse(web.get("/ctms?primary_email=jane.doe@example.com").body).as_array().empty());

    const auto again = web.post("/erasures", order);
    CHECK(again.status == 200);
    CHECK(again.body == done.body);

    web.sql("delete from ctms_sync_queue; delete from ctms_erasure_contacts; update ctms_erasures set waiting = 0, confirmed_at = now()");
    const auto confirmed = bj::parse(web.get("/erasures/" + id).body);
    CHECK(confirmed.at("vendor").at("state") == "confirmed");
    CHECK(confirmed.at("vendor").at("confirmed_at").is_string());
}

TEST_CASE("an address that is not stored gives a receipt that says so") {
    web_fixture web;
    const auto done = web.post("/erasures", order);
    CHECK(done.status == 201);
    const auto receipt = bj::parse(done.body);
    CHECK(receipt.at("erased") == bj::parse(R"({"contacts":0,"stripe_objects":0,"parked_objects":0})"));
    CHECK(receipt.at("vendor") == bj::parse(R"({"state":"nothing","waiting":0,"confirmed_at":null})"));
}

TEST_CASE("bad orders are refused with every broken rule") {
    web_fixture web;
    const auto says = [&](std::string_view body, std::string_view detail) {
        CAPTURE(std::string(body));
        const auto answer = web.post("/erasures", body);
        CHECK(answer.status == 422);
        CHECK(answer.body == fmt::format(R"({{"detail":[{}]}})", detail));
    };
    says("{}", R"({"loc":["body","primary_email"],"msg":"field required","type":"value_error.missing"})");
    says(R"({"primary_email":null})",
         R"({"loc":["body","primary_email"],"msg":"none is not an allowed value","type":"type_error.none.not_allowed"})");
    says(R"({"primary_email":"a","suppress":2,"supress":true})",
         R"({"loc":["body","suppress"],"msg":"value could not be parsed to a boolean","type":"type_error.bool"},)"
         R"({"loc":["body","supress"],"msg":"extra fields not permitted","type":"value_error.extra"})");
    CHECK(web.post("/erasures", R"({"primary_email":"customer"})").status == 422);
    CHECK(web.get("/erasures/none").status == 422);
    const auto unknown = web.get("/erasures/0d7b4f0e-5a52-4c0b-9a33-2f6f0f0f7d11");
    CHECK(unknown.status == 404);
    CHECK(unknown.body == R"({"detail":"Unknown erasure"})");
    CHECK(web.sql("select from ctms_erasures").empty());
}

TEST_CASE("a legal hold refuses DELETE and erasure with 409, without its reason") {
    web_fixture web;
    web.sql(insert_person());
    web.sql(fmt::format("insert into ctms_holds values ('{}', 'case 2026-17', 'operator')", person_id));
    const std::string says = R"({"detail":"A legal hold exists for this contact: it can be neither deleted nor erased"})";
    for (const auto& answer : {web.post("/erasures", order), web.send("DELETE", "/ctms/jane.doe@example.com")}) {
        CHECK(answer.status == 409);
        CHECK(answer.body == says);
    }
    CHECK(web.get(std::string("/ctms/") + person_id).status == 200);
    web.sql("delete from ctms_holds");
    CHECK(web.send("DELETE", "/ctms/jane.doe@example.com").status == 200);
}

TEST_CASE("an address that was erased and suppressed is refused with 422") {
    web_fixture web(with_key());
    web.sql(insert_person());
    CHECK(bj::parse(web.post("/erasures", suppressing).body).at("suppressed") == true);
    const auto other = web.add_contact(R"({"email":{"primary_email":"other@example.com"}})");
    const std::string says = R"({"detail":"This address was erased and is kept out: it cannot be stored again"})";
    const auto id = std::string(person_id);
    for (const auto& answer :
         {web.post("/ctms", R"({"email":{"primary_email":"JANE.doe@example.com"}})"),
          web.send("PUT", "/ctms/" + id, R"({"email":{"email_id":")" + id + R"(","primary_email":"jane.doe@example.com"}})"),
          web.send("PATCH", "/ctms/" + other, R"({"email":{"primary_email":"Jane.Doe@example.com"}})")}) {
        CHECK(answer.status == 422);
        CHECK(answer.body == says);
    }
    CHECK(web.send("PATCH", "/ctms/" + other, R"({"email":{"first_name":"Other"}})").status == 200);
}

TEST_CASE("an order to suppress may be repeated, and may follow one without, before the vendor has confirmed") {
    web_fixture web(with_key());
    web.sql(insert_person());
    const auto first = web.post("/erasures", order);
    REQUIRE(first.status == 201);
    CHECK(bj::parse(first.body).at("suppressed") == false);
    const auto later = web.post("/erasures", suppressing);
    CHECK(later.status == 200);
    auto receipt = bj::parse(first.body).as_object();
    receipt["suppressed"] = true;
    CHECK(bj::parse(later.body) == receipt);
    const auto again = web.post("/erasures", suppressing);
    CHECK(again.status == 200);
    CHECK(again.body == later.body);
    CHECK(web.post("/ctms", R"({"email":{"primary_email":"jane.doe@example.com"}})").status == 422);
}

TEST_CASE("with CTMS_SUPPRESSION_OPTS_OUT, such an address is stored opted out") {
    web_fixture web(with_key(true));
    web.sql(insert_person());
    REQUIRE(web.post("/erasures", suppressing).status == 201);
    const auto created = web.post("/ctms", R"({"email":{"primary_email":"jane.doe@example.com"}})");
    CHECK(created.status == 201);
    CHECK(bj::parse(created.body).at("email").at("has_opted_out_of_email") == true);
}

TEST_CASE("without a key, an order to suppress is refused and erases nothing") {
    web_fixture web;
    web.sql(insert_person());
    const auto refused = web.post("/erasures", suppressing);
    CHECK(refused.status == 503);
    CHECK(refused.body == R"({"detail":"Addresses cannot be suppressed: the service has no key for their hashes"})");
    CHECK(web.get(std::string("/ctms/") + person_id).status == 200);
}

TEST_CASE("ctms-web does not start without a key that suppressed an address") {
    web_fixture::options options;
    options.make_schema = [](const ctms::persistence::database_options& db) {
        REQUIRE(ctms::persistence::migrate(db).has_value());
        ctms::persistence::connection(db).execute("insert into ctms_suppressed values ('a', 'a', 'another')");
    };
    CHECK_THROWS_WITH(web_fixture{options}, doctest::Contains("CTMS_SUPPRESSION_KEYS"));
}

TEST_CASE("erasures leave no personal data in the log, the metrics and the receipts") {
    web_fixture web(with_key());
    web.sql(insert_person());
    const auto done = web.post("/erasures", suppressing);
    REQUIRE(done.status == 201);
    const std::string id(bj::parse(done.body).at("id").as_string());
    web.post("/erasures", R"({"primary_email":"jane.doe@example.com","suppress":7})");
    web.post("/ctms", R"({"email":{"primary_email":"jane.doe@example.com"}})");
    web.get("/erasures/" + id);
    const auto metrics = web.get("/metrics").body;
    CHECK(metrics.find("\nctms_erasures_pending 1\n") != std::string::npos);
    CHECK(metrics.find("\nctms_erasures_oldest_seconds ") != std::string::npos);
    CHECK_FALSE(names_the_person(metrics));
    CHECK_FALSE(names_the_person(web.log_text()));
    CHECK_FALSE(names_the_person(std::string(web.sql("select string_agg(r::text, ' ') from ctms_erasures r").text(0, 0))));
}
