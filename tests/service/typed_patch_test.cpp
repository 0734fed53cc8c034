// SPDX-License-Identifier: MPL-2.0
// Patches that a C++ program fills in: what they change, and that they follow the rules of PATCH.
#include <support/queue_database.hpp>
#include <support/refused_input.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/service/contacts.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using test::long_text;
using test::quoted;
using test::written;

namespace {

result<json::checked<model::contact_patch>> read(std::string_view text) {
    const auto sent = json::body::parse(text);
    REQUIRE(sent.has_value());
    return json::read_patch(*sent);
}

/// A patch, and the JSON that says the same.
struct pair {
    std::function<void(model::contact_patch&)> fill;
    std::string json;
};

std::vector<pair> good_patches() {
    return {
        {[](auto&) {}, "{}"},
        {[](auto& to) { to.email.set(&model::email::first_name, "Jane").set(&model::email::double_opt_in, true); },
         R"({"email":{"first_name":"Jane","double_opt_in":true}})"},
        {[](auto& to) { to.email.set(&model::email::first_name, std::nullopt); }, R"({"email":{"first_name":null}})"},
        {[](auto& to) { to.email.set(&model::email::basket_token, "C4A7D759BB52457B896B90F1D3EF8433"); },
         R"({"email":{"basket_token":"C4A7D759BB52457B896B90F1D3EF8433"}})"},
        {[](auto& to) { to.amo.set(&model::amo::user, true).set(&model::amo::last_login, date{std::chrono::year{2020} / 1 / 27}); },
         R"({"amo":{"user":true,"last_login":"2020-01-27"}})"},
        {[](auto& to) { to.fxa.remove(); }, R"({"fxa":"DELETE"})"},
        {[](auto& to) { to.mofo.set(&model::mofo::mofo_relevant, true); }, R"({"mofo":{"mofo_relevant":true}})"},
        {[](auto& to) { to.newsletters.change("hubs").set(&model::newsletter::lang, "de"); },
         R"({"newsletters":[{"name":"hubs","lang":"de"}]})"},
        {[](auto& to) { to.newsletters.unsubscribe("hubs"); }, R"({"newsletters":[{"name":"hubs","subscribed":false}]})"},
        {[](auto& to) { to.newsletters.unsubscribe_all(); }, R"({"newsletters":"UNSUBSCRIBE"})"},
        {[](auto& to) { to.waitlists.change("vpn").set(&model::waitlist::fields, R"({"geo": "fr"})"); },
         R"({"waitlists":[{"name":"vpn","fields":{"geo":"fr"}}]})"},
        {[](auto& to) { to.waitlists.unsubscribe("vpn"); }, R"({"waitlists":[{"name":"vpn","subscribed":false}]})"},
        {[](auto& to) { to.waitlists.unsubscribe_all(); }, R"({"waitlists":"UNSUBSCRIBE"})"},
        {[](auto& to) { to.vpn.set({.geo = "fr", .platform = {}}); }, R"({"vpn_waitlist":{"geo":"fr"}})"},
        {[](auto& to) { to.vpn.leave(); }, R"({"vpn_waitlist":null})"},
        {[](auto& to) { to.relay.leave(); }, R"({"relay_waitlist":"DELETE"})"},
    };
}

std::vector<pair> bad_patches() {
    return {
        {[](auto& to) { to.email.set(&model::email::primary_email, ""); }, R"({"email":{"primary_email":null}})"},
        {[](auto& to) { to.email.set(&model::email::primary_email, long_text(256)); },
         R"({"email":{"primary_email":)" + quoted(256) + "}}"},
        {[](auto& to) { to.email.set(&model::email::basket_token, "x"); }, R"({"email":{"basket_token":"x"}})"},
        {[](auto& to) { to.email.set(&model::email::email_format, "X"); }, R"({"email":{"email_format":"X"}})"},
        {[](auto& to) { to.email.set(&model::email::email_id, uuid::parse("332de237-cab7-1461-bcc3-48e68f42bd5c").value()); },
         R"({"email":{"email_id":"332de237-cab7-1461-bcc3-48e68f42bd5c"}})"},
        {[](auto& to) { to.email.set(&model::email::first_name, std::string("a\0", 2)); }, R"({"email":{"first_name":"a\u0000"}})"},
        {[](auto& to) { to.amo.set(&model::amo::language, "sixsix"); }, R"({"amo":{"language":"sixsix"}})"},
        {[](auto& to) { to.fxa.set(&model::fxa::fxa_id, long_text(51)); }, R"({"fxa":{"fxa_id":)" + quoted(51) + "}}"},
        {[](auto& to) { to.newsletters.change("a").set(&model::newsletter::source, "javascript:x"); },
         R"({"newsletters":[{"name":"a","source":"javascript:x"}]})"},
        {[](auto& to) { to.newsletters.put(model::partial<model::newsletter>()); }, R"({"newsletters":[{}]})"},
        {[](auto& to) { to.newsletters.change("relay-phones"); }, R"({"newsletters":[{"name":"relay-phones"}]})"},
        {[](auto& to) { to.waitlists.change("vpn"); }, R"({"waitlists":[{"name":"vpn"}]})"},
        {[](auto& to) { to.waitlists.change("w").set(&model::waitlist::fields, "5"); }, R"({"waitlists":[{"name":"w","fields":5}]})"},
        {[](auto& to) { to.vpn.set({.geo = long_text(101), .platform = {}}); }, R"({"vpn_waitlist":{"geo":)" + quoted(101) + "}}"},
    };
}

/// A database with one contact that has everything.
struct scene {
    scene() {
        model::contact_input jane;
        jane.email.primary_email = "jane@example.com";
        jane.email.first_name = "Jane";
        jane.email.last_name = "Doe";
        jane.amo.emplace().display_name = "J";
        jane.fxa.emplace().fxa_id = "f";
        jane.newsletters.emplace_back().name = "a";
        jane.newsletters.emplace_back().name = "b";
        jane.waitlists.push_back({.name = "w", .source = "https://example.com/w", .fields = R"({"x":1})"});
        jane.waitlists.push_back({.name = "z", .source = {}, .fields = "{}"});
        id = contacts.create(jane).value().contact.email.email_id;
    }
    model::contact patch(const model::contact_patch& patch) {
        auto changed = contacts.patch(id, patch).value();
        CHECK(contacts.get(id).value() == changed);
        return changed;
    }

    test::queue_database db;
    service::contacts contacts{db.pool};
    uuid id;
};

} // namespace

TEST_CASE("a typed patch is the patch that JSON describes") {
    for (const auto& one : good_patches()) {
        CAPTURE(one.json);
        model::contact_patch patch;
        one.fill(patch);
        CHECK(*json::check(patch).value() == *read(one.json).value());
    }
}

TEST_CASE("a typed patch is refused with the errors of JSON input") {
    scene here;
    const auto before = here.contacts.get(here.id).value();
    for (const auto& one : bad_patches()) {
        CAPTURE(one.json);
        model::contact_patch patch;
        one.fill(patch);
        CHECK(written(here.contacts.patch(here.id, patch).error()) == written(read(one.json).error()));
    }
    CHECK(here.contacts.get(here.id).value() == before);
    CHECK(read(R"({"newsletters":[{"name":null}]})").has_error());
}

TEST_CASE("a patch changes the fields that were set, and no others") {
    scene here;
    model::contact_patch patch;
    patch.email.set(&model::email::first_name, "Joan").set(&model::email::last_name, std::nullopt);
    patch.amo.set(&model::amo::user, true);
    patch.fxa.remove();
    const auto after = here.patch(patch);
    CHECK(after.email.first_name == "Joan");
    CHECK_FALSE(after.email.last_name);
    CHECK(after.email.primary_email == "jane@example.com");
    CHECK(after.amo.value().user);
    CHECK(after.amo->display_name == "J");
    CHECK_FALSE(after.fxa);
}

TEST_CASE("a group can be deleted and started anew in one patch") {
    scene here;
    model::contact_patch patch;
    patch.amo.set(&model::amo::location, "dropped");
    patch.amo.remove();
    patch.amo.set(&model::amo::username, "jane");
    const auto after = here.patch(patch);
    CHECK(after.amo.value().username == "jane");
    CHECK_FALSE(after.amo->display_name);
    CHECK_FALSE(after.amo->location);
}

TEST_CASE("a patch adds, changes, replaces and unsubscribes newsletters") {
    scene here;
    model::contact_patch patch;
    patch.newsletters.change("a").set(&model::newsletter::source, "https://example.com/");
    patch.newsletters.unsubscribe("b");
    patch.newsletters.unsubscribe("unknown");
    model::newsletter hubs;
    hubs.name = "hubs";
    hubs.format = "T";
    patch.newsletters.put(hubs);
    const auto after = here.patch(patch).newsletters;
    REQUIRE(after.size() == 3);
    CHECK(after[0].source == "https://example.com/");
    CHECK(after[0].subscribed);
    CHECK_FALSE(after[1].subscribed);
    CHECK(after[2] == hubs);

    model::contact_patch whole;
    model::newsletter again;
    again.name = "a";
    whole.newsletters.put(again);
    CHECK(here.patch(whole).newsletters[0] == again); // `put` also resets the source
}

TEST_CASE("a patch unsubscribes from everything, and then applies what follows") {
    scene here;
    model::contact_patch patch;
    patch.newsletters.unsubscribe("dropped");
    patch.newsletters.unsubscribe_all();
    patch.newsletters.change("b").set(&model::newsletter::subscribed, true);
    patch.waitlists.unsubscribe_all();
    patch.waitlists.change("w").set(&model::waitlist::fields, R"({"y":2})");
    const auto after = here.patch(patch);
    REQUIRE(after.newsletters.size() == 2);
    CHECK_FALSE(after.newsletters[0].subscribed);
    CHECK(after.newsletters[1].subscribed);
    REQUIRE(after.waitlists.size() == 1);
    CHECK(after.waitlists[0] == model::waitlist{.name = "w", .source = {}, .fields = R"({"y":2})"});

    model::contact_patch all;
    all.newsletters.unsubscribe_all();
    const auto none = here.patch(all);
    CHECK_FALSE(none.newsletters[1].subscribed);
    CHECK(none.waitlists.empty()); // as in the older form of the API
}

TEST_CASE("a patch may repeat the id of the contact but not change it") {
    scene here;
    model::contact_patch patch;
    patch.email.set(&model::email::email_id, here.id).set(&model::email::first_name, "Joan");
    CHECK(here.patch(patch).email.first_name == "Joan");
    patch.email.set(&model::email::email_id, uuid::random());
    CHECK(here.contacts.patch(here.id, patch).error().message == "cannot change email_id");
}
