// SPDX-License-Identifier: MPL-2.0
// What changed between two states of a contact.
#include <json/changed_fields.hpp>

#include <doctest/doctest.h>

using namespace ctms;

TEST_CASE("equal contacts have no changed fields") {
    model::contact one;
    one.email.primary_email = "a@example.com";
    CHECK(json::changed_fields(&one, one) == "[]");
}

TEST_CASE("empty, absent and false values equal each other") {
    model::contact before;
    auto after = before;
    after.email.first_name = "";
    after.mofo.emplace();
    after.email.unsubscribe_reason = std::nullopt;
    CHECK(json::changed_fields(&before, after) == "[]");
}

TEST_CASE("switches, choices and languages have values, and other fields have none") {
    model::contact before;
    before.email.email_lang = "de";
    before.email.last_name = "Doe";
    auto after = before;
    after.email.double_opt_in = true;
    after.email.email_format = "T";
    after.email.email_lang = std::nullopt;
    after.email.last_name = "Roe";
    after.email.primary_email = "a@example.com";
    CHECK(json::changed_fields(&before, after) ==
          R"([{"field":"email.primary_email"},{"field":"email.double_opt_in","old":false,"new":true},)"
          R"({"field":"email.last_name"},{"field":"email.email_format","old":"H","new":"T"},)"
          R"({"field":"email.email_lang","old":"de","new":null}])");
}

TEST_CASE("data of a waitlist changes only if it is another object") {
    model::contact before;
    before.waitlists.push_back({.name = "vpn", .source = {}, .fields = R"({"a":1,"b":2})"});
    auto after = before;
    after.waitlists.front().fields = R"({ "b": 2, "a": 1 })";
    CHECK(json::changed_fields(&before, after) == "[]");
    after.waitlists.front().fields = R"({"a":1})";
    CHECK(json::changed_fields(&before, after) == R"([{"field":"waitlists.fields","name":"vpn"}])");
}

TEST_CASE("names of newsletters are escaped") {
    model::contact before;
    auto after = before;
    after.newsletters.emplace_back().name = "a\"b";
    after.newsletters.front().subscribed = false;
    after.newsletters.front().lang = "de";
    after.newsletters.front().format = "";
    CHECK(json::changed_fields(&before, after) == R"([{"field":"newsletters.lang","name":"a\"b","old":null,"new":"de"}])");
}
