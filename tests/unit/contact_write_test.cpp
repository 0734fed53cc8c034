// SPDX-License-Identifier: MPL-2.0
// Writing contacts as the API returns them.
#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace ctms;

namespace {

const timestamp whole_second{std::chrono::seconds{1611869217}};
const timestamp with_fraction = whole_second + std::chrono::microseconds{511000};

std::string written(const model::contact& contact, bool with_status = false) {
    std::string out;
    json::write_contact(out, contact, with_status);
    return out;
}

model::contact smallest() {
    model::contact out;
    out.email.primary_email = "a@example.com";
    out.email.email_id = *uuid::parse("332de237-cab7-4461-bcc3-48e68f42bd5c");
    return out;
}

/// Returns the end of the written contact, from the waitlists on.
std::string waitlists_of(std::vector<model::waitlist> waitlists) {
    auto contact = smallest();
    contact.waitlists = std::move(waitlists);
    const auto text = written(contact);
    return text.substr(text.find(R"("waitlists":)"));
}

std::string fields_of(const std::string& stored) {
    const auto text = waitlists_of({{"x", std::nullopt, stored, true}});
    const auto begin = text.find(R"("fields":)") + 9;
    return text.substr(begin, text.find("}],\"vpn_waitlist\"") - begin);
}

std::string older_of(std::vector<model::waitlist> waitlists) {
    const auto text = waitlists_of(std::move(waitlists));
    return "{" + text.substr(text.find(R"("vpn_waitlist":)"));
}

} // namespace

TEST_CASE("a contact with only an address is written with all groups and their defaults") {
    CHECK(written(smallest()) ==
          R"({"amo":{"add_on_ids":null,"display_name":null,"email_opt_in":false,"language":null,"last_login":null,"location":null,)"
          R"("profile_url":null,"user":false,"user_id":null,"username":null,"create_timestamp":null,"update_timestamp":null},)"
          R"("email":{"primary_email":"a@example.com","basket_token":null,"double_opt_in":false,"sfdc_id":null,"first_name":null,)"
          R"("last_name":null,"mailing_country":null,"email_format":"H","email_lang":"en","has_opted_out_of_email":false,)"
          R"("unsubscribe_reason":null,"email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","create_timestamp":null,"update_timestamp":null},)"
          R"("fxa":{"fxa_id":null,"primary_email":null,"created_date":null,"lang":null,"first_service":null,"account_deleted":false},)"
          R"("mofo":{"mofo_email_id":null,"mofo_contact_id":null,"mofo_relevant":false},"newsletters":[],"waitlists":[],)"
          R"("vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
}

TEST_CASE("a contact with all fields is written in the documented order") {
    model::contact contact;
    contact.amo = model::amo{.add_on_ids = "a,b",
                             .display_name = "Nina",
                             .email_opt_in = true,
                             .language = "fr",
                             .last_login = date{std::chrono::year{2020} / 1 / 7},
                             .location = "Ici",
                             .profile_url = "nina",
                             .user = true,
                             .user_id = "98",
                             .username = "n1",
                             .create_timestamp = whole_second,
                             .update_timestamp = with_fraction};
    contact.email = model::email{.primary_email = "n@example.com",
                                 .basket_token = "c4a7d759-bb52-457b-896b-90f1d3ef8433",
                                 .double_opt_in = true,
                                 .sfdc_id = "s",
                                 .first_name = "N \"I\"",
                                 .last_name = "é<&>\n",
                                 .mailing_country = "us",
                                 .email_format = "",
                                 .email_lang = std::nullopt,
                                 .has_opted_out_of_email = true,
                                 .unsubscribe_reason = "why",
                                 .email_id = *uuid::parse("332de237-cab7-4461-bcc3-48e68f42bd5c"),
                                 .create_timestamp = whole_second,
                                 .update_timestamp = with_fraction};
    contact.fxa = model::fxa{.fxa_id = "f",
                             .primary_email = "f@example.com",
                             .created_date = "2019",
                             .lang = "fr",
                             .first_service = "sync",
                             .account_deleted = true};
    contact.mofo = model::mofo{.mofo_email_id = "e", .mofo_contact_id = "c", .mofo_relevant = true};
    contact.newsletters = {{"a", false, "T", "de", "https://example.com/", "r"},
                           {"b", true, "H", std::nullopt, std::nullopt, std::nullopt}};
    contact.waitlists = {{"relay", std::nullopt, R"({"geo":"fr"})", true},
                         {"vpn", "https://e.com", R"({"geo":"de","platform":"ios"})", true}};
    CHECK(
        written(contact, true) ==
        R"({"amo":{"add_on_ids":"a,b","display_name":"Nina","email_opt_in":true,"language":"fr","last_login":"2020-01-07","location":"Ici",)"
        R"("profile_url":"nina","user":true,"user_id":"98","username":"n1","create_timestamp":"2021-01-28T21:26:57+00:00",)"
        R"("update_timestamp":"2021-01-28T21:26:57.511000+00:00"},)"
        R"("email":{"primary_email":"n@example.com","basket_token":"c4a7d759-bb52-457b-896b-90f1d3ef8433","double_opt_in":true,"sfdc_id":"s",)"
        R"("first_name":"N \"I\"","last_name":"é<&>\n","mailing_country":"us","email_format":"","email_lang":null,)"
        R"("has_opted_out_of_email":true,"unsubscribe_reason":"why","email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c",)"
        R"("create_timestamp":"2021-01-28T21:26:57+00:00","update_timestamp":"2021-01-28T21:26:57.511000+00:00"},)"
        R"("fxa":{"fxa_id":"f","primary_email":"f@example.com","created_date":"2019","lang":"fr","first_service":"sync","account_deleted":true},)"
        R"("mofo":{"mofo_email_id":"e","mofo_contact_id":"c","mofo_relevant":true},)"
        R"("newsletters":[{"name":"a","subscribed":false,"format":"T","lang":"de","source":"https://example.com/","unsub_reason":"r"},)"
        R"({"name":"b","subscribed":true,"format":"H","lang":null,"source":null,"unsub_reason":null}],)"
        R"("waitlists":[{"name":"relay","source":null,"fields":{"geo":"fr"}},)"
        R"({"name":"vpn","source":"https://e.com","fields":{"geo":"de","platform":"ios"}}],)"
        R"("vpn_waitlist":{"geo":"de","platform":"ios"},"relay_waitlist":{"geo":"fr"},"status":"ok"})");
}

TEST_CASE("timestamps have six decimal places or none") {
    auto contact = smallest();
    contact.email.create_timestamp = whole_second;
    contact.email.update_timestamp = whole_second + std::chrono::microseconds{1};
    const auto text = written(contact);
    CHECK(text.find(R"("create_timestamp":"2021-01-28T21:26:57+00:00","update_timestamp":"2021-01-28T21:26:57.000001+00:00")") !=
          std::string::npos);
}

TEST_CASE("the older waitlists are derived from the stored ones") {
    CHECK(older_of({}) == R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
    CHECK(older_of({{"vpn", {}, R"({"geo":5,"platform":null})", true}}) ==
          R"({"vpn_waitlist":{"geo":"5","platform":null},"relay_waitlist":{"geo":null}})");
    CHECK(older_of({{"vpn", {}, R"({"geo":"fr","platform":true})", true}}) ==
          R"({"vpn_waitlist":{"geo":"fr","platform":"True"},"relay_waitlist":{"geo":null}})");
    CHECK(older_of({{"vpn-2", {}, R"({"geo":"fr"})", true}}) ==
          R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
    CHECK(older_of({{"relay", {}, R"({"geo":"fr"})", true}, {"relay-phones", {}, R"({"geo":"de"})", true}}) ==
          R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":"de"}})");
    CHECK(older_of({{"relay", {}, R"({"geo":"fr"})", true}, {"relayed", {}, R"({})", true}}) ==
          R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
}

TEST_CASE("rows that the Python service could not read again are returned with the valid values") {
    CHECK(older_of({{"relay", {}, R"({"geo":{"a":1}})", true}, {"vpn", {}, "{}", true}}) ==
          R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
    CHECK(older_of({{"vpn", {}, "[]", true}}) == R"({"vpn_waitlist":{"geo":null,"platform":null},"relay_waitlist":{"geo":null}})");
}

TEST_CASE("stored fields are written compactly and otherwise unchanged") {
    CHECK(fields_of("{}") == "{}");
    CHECK(fields_of(R"({"geo": "fr",  "n": [1, 2]})") == R"({"geo":"fr","n":[1,2]})");
    CHECK(fields_of("{\n\t\"a\" :\r 1 }") == R"({"a":1})");
    CHECK(fields_of(R"({"a":"\u00e9\u0041\/"})") == R"({"a":"éA/"})");
    CHECK(fields_of(R"({"a b": "c d"})") == R"({"a b":"c d"})");
    CHECK(fields_of(R"({"z": 12345678901234567890123, "a": 1e+100, "b": -0.0, "c": 1.50})") ==
          R"({"z":12345678901234567890123,"a":1e+100,"b":-0.0,"c":1.50})");
    const auto deep = std::string(200, '[') + " " + std::string(200, ']');
    CHECK(fields_of("{\"a\": " + deep + "}") == "{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}");
}

TEST_CASE("the nine ids are written in order") {
    model::identity identity;
    identity.email_id = *uuid::parse("332de237-cab7-4461-bcc3-48e68f42bd5c");
    std::string out;
    json::write_identity(out, identity);
    CHECK(out == R"({"email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","primary_email":null,"basket_token":null,"sfdc_id":null,)"
                 R"("mofo_contact_id":null,"mofo_email_id":null,"amo_user_id":null,"fxa_id":null,"fxa_primary_email":null})");
    identity = {identity.email_id, "a", "b", "c", "d", "e", "f", "g", "h"};
    out.clear();
    json::write_identity(out, identity);
    CHECK(out == R"({"email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","primary_email":"a","basket_token":"b","sfdc_id":"c",)"
                 R"("mofo_contact_id":"d","mofo_email_id":"e","amo_user_id":"f","fxa_id":"g","fxa_primary_email":"h"})");
    CHECK(json::identity_names() ==
          "email_id, primary_email, basket_token, sfdc_id, mofo_contact_id, mofo_email_id, amo_user_id, fxa_id, fxa_primary_email");
}

TEST_CASE("two objects are equal if their values are equal") {
    CHECK(json::same_object(R"({"a": 1, "b": [2]})", R"({"b":[2.0],"a":1})"));
    CHECK_FALSE(json::same_object(R"({"a":1})", R"({"a":2})"));
    CHECK_FALSE(json::same_object(R"({"a":1})", R"({"a":"1"})"));
    CHECK(json::same_object("not JSON", "not JSON"));
    CHECK_FALSE(json::same_object("not JSON", "{}"));
}

TEST_CASE("a scalar member of an object is returned as plain text") {
    constexpr auto object = R"({"a":"x","b":5,"c":1.50,"d":true,"e":null,"f":[],"g":{}})";
    CHECK(json::scalar_member(object, "a") == "x");
    CHECK(json::scalar_member(object, "b") == "5");
    CHECK(json::scalar_member(object, "c") == "1.5");
    CHECK(json::scalar_member(object, "d") == "True");
    for (const std::string name : {"e", "f", "g", "h"}) CHECK_FALSE(json::scalar_member(object, name));
    CHECK_FALSE(json::scalar_member("[]", "a"));
    CHECK_FALSE(json::scalar_member("no JSON", "a"));
}
