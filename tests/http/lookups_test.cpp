// SPDX-License-Identifier: MPL-2.0
// Finding contacts and identities by their nine ids.
#include <support/web_fixture.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace ctms::test;

namespace {

constexpr auto nina = "332de237-cab7-4461-bcc3-48e68f42bd5c";
constexpr auto omar = "93db83d4-4119-4e0c-af87-a713786fa81d";

constexpr auto nina_json = R"({
  "amo": {"user_id": "98765", "user": true}, "email": {"primary_email": "Nina@Example.com", "sfdc_id": "001A", "email_id":
  "332de237-cab7-4461-bcc3-48e68f42bd5c", "basket_token": "c4a7d759-bb52-457b-896b-90f1d3ef8433"},
  "fxa": {"fxa_id": "f6e1", "primary_email": "Fxa+Nina@Example.com"}, "mofo": {"mofo_email_id": "me", "mofo_contact_id": "mc"}})";
constexpr auto omar_json = R"({"email": {"primary_email": "omar@example.com", "sfdc_id": "001A", "email_id":
  "93db83d4-4119-4e0c-af87-a713786fa81d"}, "mofo": {"mofo_email_id": "mo", "mofo_contact_id": "mc"}})";

/// Queries for Nina by each of her ids.
const std::vector<std::string> queries{"email_id=332de237-cab7-4461-bcc3-48e68f42bd5c",
                                       "email_id=332DE237CAB74461BCC348E68F42BD5C",
                                       "primary_email=Nina%40Example.com",
                                       "primary_email=nina@EXAMPLE.com",
                                       "basket_token=c4a7d759-bb52-457b-896b-90f1d3ef8433",
                                       "basket_token=C4A7D759BB52457B896B90F1D3EF8433",
                                       "sfdc_id=001A&mofo_email_id=me",
                                       "mofo_contact_id=mc&fxa_id=f6e1",
                                       "mofo_email_id=me",
                                       "amo_user_id=98765",
                                       "fxa_id=f6e1",
                                       "fxa_primary_email=fxa%2Bnina@example.com"};

void add_both(web_fixture& web) {
    web.add_contact(nina_json);
    web.add_contact(omar_json);
}

/// Returns the ids in the response, or "" for an empty list.
std::string ids_of(const http_answer& answer) {
    REQUIRE(answer.status == 200);
    std::string out;
    const auto list = boost::json::parse(answer.body);
    for (const auto& one : list.as_array()) {
        const auto& object = one.as_object();
        const auto* email = object.if_contains("email");
        out += (out.empty() ? "" : " ") + std::string((email != nullptr ? email->as_object() : object).at("email_id").as_string());
    }
    return out;
}

} // namespace

TEST_CASE("a contact is found by each of the nine ids") {
    web_fixture web;
    add_both(web);
    for (const auto& query : queries) {
        CAPTURE(query);
        CHECK(ids_of(web.get("/ctms?" + query)) == nina);
        CHECK(ids_of(web.get("/identities?" + query)) == nina);
    }
}

TEST_CASE("a list shows each contact as a request by id does, but without the status") {
    web_fixture web;
    add_both(web);
    const auto single = web.get(std::string("/ctms/") + nina).body;
    const auto list = web.get("/ctms?fxa_id=f6e1").body;
    const std::string status = R"(,"status":"ok"})";
    REQUIRE(single.ends_with(status));
    CHECK(list == "[" + single.substr(0, single.size() - status.size()) + "}]");
}

TEST_CASE("several contacts may share an id that is not unique") {
    web_fixture web;
    add_both(web);
    const std::string both = std::string(nina) + " " + omar;
    for (const std::string path : {"/ctms?", "/identities?"}) {
        CAPTURE(path);
        CHECK(ids_of(web.get(path + "sfdc_id=001A")) == both);
        CHECK(ids_of(web.get(path + "mofo_contact_id=mc")) == both);
        CHECK(ids_of(web.get(path + "mofo_contact_id=mc&sfdc_id=001A&primary_email=OMAR@example.com")) == omar);
    }
}

TEST_CASE("a contact is found by any two of its ids") {
    web_fixture web;
    add_both(web);
    for (const auto& first : queries) {
        for (const auto& second : queries) {
            if (first.substr(0, first.find('=')) >= second.substr(0, second.find('='))) continue;
            for (const std::string path : {"/ctms?", "/identities?"}) {
                CAPTURE(path + first + "&" + second);
                CHECK(ids_of(web.get(path + first + "&" + second)) == nina);
            }
        }
    }
}

TEST_CASE("a lookup that finds more than 1,000 contacts is refused") {
    web_fixture web;
    web.sql("insert into emails (email_id, primary_email, sfdc_id, update_timestamp) select gen_random_uuid(), n || '@example.com', 'many',"
            " now() from generate_series(1, 1001) n");
    for (const std::string path : {"/ctms?", "/identities?"}) {
        const auto refused = web.get(path + "sfdc_id=many");
        CHECK(refused.status == 400);
        CHECK(refused.body == R"({"detail":"More than 1000 contacts match: give another identifier of the contact, too"})");
        CHECK(web.get(path + "sfdc_id=many&primary_email=7%40example.com").status == 200);
    }
    const auto several = web.send("POST", "/ctms/lookup", R"({"sfdc_ids":["many","none"]})");
    CHECK(several.status == 200);
    CHECK(several.body == R"({"items":[{"id":"many","contacts":null,)"
                          R"("error":"More than 1000 contacts match: give another identifier of the contact, too"},)"
                          R"({"id":"none","contacts":[]}]})");
    web.sql("delete from emails where primary_email = '1@example.com'");
    const auto all = web.get("/ctms?sfdc_id=many");
    REQUIRE(all.status == 200);
    CHECK(boost::json::parse(all.body).as_array().size() == 1000);
}

TEST_CASE("a lookup without a match returns an empty list") {
    web_fixture web;
    add_both(web);
    for (const std::string path : {"/ctms?", "/identities?"}) {
        CHECK(ids_of(web.get(path + "primary_email=nobody@example.com")).empty());
        CHECK(ids_of(web.get(path + "fxa_id=F6E1")).empty());
        CHECK(ids_of(web.get(path + "fxa_id=f6e1&amo_user_id=1")).empty());
        CHECK(ids_of(web.get(path + "sfdc_id=001A%27%20or%201=1--")).empty());
        CHECK(ids_of(web.get(path + "primary_email=%25")).empty());
        CHECK(web.get(path + "fxa_id=none").body == "[]");
    }
}

TEST_CASE("a lookup without ids is refused") {
    web_fixture web;
    for (const std::string target : {"/ctms", "/identities", "/ctms?other=1", "/ctms?primary_email=", "/identities?sfdc_id=&fxa_id="}) {
        CAPTURE(target);
        const auto answer = web.get(target);
        CHECK(answer.status == 400);
        CHECK(answer.body ==
              R"({"detail":"No identifiers provided, at least one is needed: email_id, primary_email, basket_token, sfdc_id, )"
              R"(mofo_contact_id, mofo_email_id, amo_user_id, fxa_id, fxa_primary_email"})");
    }
}

TEST_CASE("invalid ids are refused with all mistakes") {
    web_fixture web;
    for (const std::string path : {"/ctms", "/identities"}) {
        CAPTURE(path);
        const auto answer = web.get(path + "?email_id=x&basket_token=&fxa_id=a%00b");
        CHECK(answer.status == 422);
        CHECK(answer.body == R"({"detail":[{"loc":["query","email_id"],"msg":"value is not a valid uuid","type":"type_error.uuid"},)"
                             R"({"loc":["query","basket_token"],"msg":"value is not a valid uuid","type":"type_error.uuid"},)"
                             R"({"loc":["query","fxa_id"],"msg":"NUL characters are not allowed","type":"value_error.any_str.nul"}]})");
    }
}

TEST_CASE("an identity contains only the nine ids") {
    web_fixture web;
    add_both(web);
    const std::string expected =
        R"({"email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","primary_email":"Nina@Example.com",)"
        R"("basket_token":"c4a7d759-bb52-457b-896b-90f1d3ef8433","sfdc_id":"001A","mofo_contact_id":"mc",)"
        R"("mofo_email_id":"me","amo_user_id":"98765","fxa_id":"f6e1","fxa_primary_email":"Fxa+Nina@Example.com"})";
    CHECK(web.get(std::string("/identity/") + nina).body == expected);
    CHECK(web.get("/identities?fxa_id=f6e1").body == "[" + expected + "]");
    CHECK(web.get(std::string("/identity/") + omar).body ==
          R"({"email_id":"93db83d4-4119-4e0c-af87-a713786fa81d","primary_email":"omar@example.com","basket_token":null,"sfdc_id":"001A",)"
          R"("mofo_contact_id":"mc","mofo_email_id":"mo","amo_user_id":null,"fxa_id":null,"fxa_primary_email":null})");
}

TEST_CASE("the query of a lookup is logged without its addresses") {
    web_fixture web;
    const auto fields = web.fields_of(web.get("/ctms?primary_email=who@example.com&fxa_primary_email=b&sfdc_id=001A"));
    CHECK(boost::json::serialize(fields.at("query")) ==
          R"({"primary_email":"[OMITTED]","fxa_primary_email":"[OMITTED]","sfdc_id":"001A"})");
}
