// SPDX-License-Identifier: MPL-2.0
// Reading the bodies of POST and PUT: what is accepted, and what it means. contact_errors_test.cpp tests what is refused.
#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace ctms;
using json::purpose;

namespace {

model::contact_input read(std::string_view text, purpose why = purpose::create) {
    const auto sent = json::body::parse(text);
    REQUIRE(sent.has_value());
    auto read = json::read_contact(*sent, why);
    if (!read) {
        std::string problem;
        json::write_error(problem, read.error());
        FAIL(problem);
    }
    return **read;
}

constexpr std::string_view id = "332de237-cab7-4461-bcc3-48e68f42bd5c";

} // namespace

TEST_CASE("the smallest contact has only an address") {
    const auto contact = read(R"({"email":{"primary_email":"a@example.com"}})");
    model::email expected;
    expected.primary_email = "a@example.com";
    CHECK(contact.email == expected);
    CHECK(contact.email.email_id.is_nil());
    CHECK(contact.email.email_format == "H");
    CHECK(contact.email.email_lang == "en");
    CHECK_FALSE(contact.amo);
    CHECK_FALSE(contact.fxa);
    CHECK_FALSE(contact.mofo);
    CHECK(contact.newsletters.empty());
    CHECK(contact.waitlists.empty());
    CHECK_FALSE(contact.vpn.given());
    CHECK_FALSE(contact.relay.given());
}

TEST_CASE("every field of a contact is read") {
    const auto contact = read(R"({
      "amo": {"add_on_ids": "a,b", "display_name": "Nina", "email_opt_in": true, "language": "fr", "last_login": "2020-01-27",
              "location": "Ici", "profile_url": "nina", "user": true, "user_id": "98765", "username": "nina1"},
      "email": {"primary_email": "n@example.com", "basket_token": "C4A7D759BB52457B896B90F1D3EF8433", "double_opt_in": true, "sfdc_id": "s",
                "first_name": "N", "last_name": "I", "mailing_country": "us", "email_format": "T", "email_lang": "fr",
                "has_opted_out_of_email": true, "unsubscribe_reason": "why", "email_id": "332DE237-CAB7-4461-BCC3-48E68F42BD5C"},
      "fxa": {"fxa_id": "f", "primary_email": "f@example.com", "created_date": "2019-05-22T08:29:31.906094+00:00", "lang": "fr,fr-CA",
              "first_service": "sync", "account_deleted": true},
      "mofo": {"mofo_email_id": "e", "mofo_contact_id": "c", "mofo_relevant": true},
      "newsletters": [{"name": "hubs", "subscribed": false, "format": "T", "lang": "de", "source": "https://example.com/", "unsub_reason": "r"}],
      "waitlists": [{"name": "vpn", "source": "https://example.com/vpn", "fields": {"platform": "ios", "geo": "fr"}}]})");
    CHECK(contact.amo == model::amo{.add_on_ids = "a,b",
                                    .display_name = "Nina",
                                    .email_opt_in = true,
                                    .language = "fr",
                                    .last_login = date{std::chrono::year{2020} / 1 / 27},
                                    .location = "Ici",
                                    .profile_url = "nina",
                                    .user = true,
                                    .user_id = "98765",
                                    .username = "nina1",
                                    .create_timestamp = {},
                                    .update_timestamp = {}});
    CHECK(contact.email == model::email{.primary_email = "n@example.com",
                                        .basket_token = "c4a7d759-bb52-457b-896b-90f1d3ef8433",
                                        .double_opt_in = true,
                                        .sfdc_id = "s",
                                        .first_name = "N",
                                        .last_name = "I",
                                        .mailing_country = "us",
                                        .email_format = "T",
                                        .email_lang = "fr",
                                        .has_opted_out_of_email = true,
                                        .unsubscribe_reason = "why",
                                        .email_id = *uuid::parse(id),
                                        .create_timestamp = {},
                                        .update_timestamp = {}});
    CHECK(contact.fxa == model::fxa{.fxa_id = "f",
                                    .primary_email = "f@example.com",
                                    .created_date = "2019-05-22T08:29:31.906094+00:00",
                                    .lang = "fr,fr-CA",
                                    .first_service = "sync",
                                    .account_deleted = true});
    CHECK(contact.mofo == model::mofo{.mofo_email_id = "e", .mofo_contact_id = "c", .mofo_relevant = true});
    REQUIRE(contact.newsletters.size() == 1);
    CHECK(contact.newsletters[0] == model::newsletter{"hubs", false, "T", "de", "https://example.com/", "r"});
    REQUIRE(contact.waitlists.size() == 1);
    CHECK(contact.waitlists[0] == model::waitlist{"vpn", "https://example.com/vpn", R"({"platform":"ios","geo":"fr"})", true});
}

TEST_CASE("a group that is null or has only default values is absent") {
    const auto contact = read(R"({"email":{"primary_email":"a"},"amo":null,"fxa":{},"mofo":{"mofo_relevant":false,"mofo_email_id":null}})");
    CHECK_FALSE(contact.amo);
    CHECK_FALSE(contact.fxa);
    CHECK_FALSE(contact.mofo);
}

TEST_CASE("computed and unknown fields are ignored") {
    const auto contact = read(R"({"email":{"primary_email":"a","create_timestamp":"x","update_timestamp":5,"other":{}},
                                  "amo":{"create_timestamp":"2020-01-01"},"status":"ok","more":[1]})");
    CHECK_FALSE(contact.email.create_timestamp);
    CHECK_FALSE(contact.email.update_timestamp);
    CHECK_FALSE(contact.amo);
}

TEST_CASE("null clears a value that may be null") {
    const auto contact = read(R"({"email":{"primary_email":"a","email_lang":null,"email_id":null,"basket_token":null},
                                  "newsletters":[{"name":"n","lang":null,"source":null}]})");
    CHECK_FALSE(contact.email.email_lang);
    CHECK(contact.email.email_id.is_nil());
    CHECK_FALSE(contact.email.basket_token);
    CHECK_FALSE(contact.newsletters.at(0).lang);
}

TEST_CASE("values are converted to strings as Python writes them") {
    const auto contact = read(R"({"email":{"primary_email":5,"first_name":true,"last_name":1.50,"double_opt_in":"YES","email_format":""},
                                  "amo":{"last_login":1580083200,"user":1}})");
    CHECK(contact.email.primary_email == "5");
    CHECK(contact.email.first_name == "True");
    CHECK(contact.email.last_name == "1.5");
    CHECK(contact.email.double_opt_in);
    CHECK(contact.email.email_format.empty());
    CHECK(to_iso(*contact.amo->last_login) == "2020-01-27");
    CHECK(contact.amo->user);
}

TEST_CASE("lists keep the order of the request") {
    const auto contact =
        read(R"({"email":{"primary_email":"a"},"newsletters":[{"name":"z"},{"name":"a"}],"waitlists":[{"name":"z"},{"name":"a"}]})");
    REQUIRE(contact.newsletters.size() == 2);
    CHECK(contact.newsletters[0].name == "z");
    CHECK(contact.newsletters[0] == model::newsletter{"z", true, "H", "en", std::nullopt, std::nullopt});
    CHECK(contact.newsletters[1].name == "a");
    CHECK(contact.waitlists[0] == model::waitlist{"z", std::nullopt, "{}", true});
    CHECK(contact.waitlists[1].name == "a");
}

TEST_CASE("the fields of a waitlist are kept as they were sent") {
    const auto contact = read(
        R"({"email":{"primary_email":"a"},"waitlists":[{"name":"x","fields":{ "z" : 12345678901234567890, "a" : [1e+100, -0.0, null] }}]})");
    CHECK(contact.waitlists.at(0).fields == R"({"z":12345678901234567890,"a":[1e+100,-0.0,null]})");
}

TEST_CASE("an older waitlist is absent, empty or has a value") {
    const auto empty = read(R"({"email":{"primary_email":"a"},"vpn_waitlist":null,"relay_waitlist":null})");
    CHECK(empty.vpn.given());
    CHECK_FALSE(empty.vpn.value());
    CHECK(empty.relay.given());
    CHECK_FALSE(empty.relay.value());
    const auto filled =
        read(R"({"email":{"primary_email":"a"},"vpn_waitlist":{"geo":"fr","platform":"ios,mac"},"relay_waitlist":{"geo":5}})");
    CHECK(filled.vpn.value() == model::vpn_waitlist{"fr", "ios,mac"});
    CHECK(filled.relay.value() == model::relay_waitlist{"5"});
    const auto defaults = read(R"({"email":{"primary_email":"a"},"vpn_waitlist":{},"relay_waitlist":{"geo":null}})");
    CHECK(defaults.vpn.value() == model::vpn_waitlist{});
    CHECK(defaults.relay.value() == model::relay_waitlist{});
}

TEST_CASE("a Relay newsletter needs a country from one of two places") {
    constexpr auto subscribes = R"({"email":{"primary_email":"a"},"newsletters":[{"name":"relay-phones-waitlist"}],)";
    CHECK(read(std::string(subscribes) + R"("relay_waitlist":{"geo":"fr"}})").relay.value()->geo == "fr");
    CHECK(read(std::string(subscribes) + R"("waitlists":[{"name":"relay","fields":{"geo":"fr"}}]})").waitlists.size() == 1);
    CHECK(
        read(R"({"email":{"primary_email":"a"},"newsletters":[{"name":"relay-phones-waitlist","subscribed":false}]})").newsletters.size() ==
        1);
    CHECK(read(R"({"email":{"primary_email":"a"},"newsletters":[{"name":"relay"}]})").newsletters.size() == 1);
}

TEST_CASE("PUT accepts a contact with its id") {
    const auto contact = read(R"({"email":{"primary_email":"a","email_id":"332de237cab74461bcc348e68f42bd5c"}})", purpose::replace);
    CHECK(contact.email.email_id.to_string() == id);
}

TEST_CASE("an unsubscribed waitlist needs no fields in PUT") {
    const auto contact = read(R"({"email":{"primary_email":"a","email_id":"332de237cab74461bcc348e68f42bd5c"},
                                  "waitlists":[{"name":"vpn","subscribed":false},{"name":"relay","subscribed":"no"}]})",
                              purpose::replace);
    REQUIRE(contact.waitlists.size() == 2);
    CHECK_FALSE(contact.waitlists[0].subscribed);
    CHECK_FALSE(contact.waitlists[1].subscribed);
}

TEST_CASE("the text of an invalid body is available for the log") {
    const auto body = [](std::string_view text) { return *json::body::parse(text); };
    CHECK(body(R"({ "b" : [ 1.0 , null ], "a" : "\u00e9" })").to_json() == R"({"b":[1.0,null],"a":"é"})");
    CHECK(json::body::missing().to_json().empty());
    CHECK(json::body::not_json().to_json().empty());
}
