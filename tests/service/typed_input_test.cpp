// SPDX-License-Identifier: MPL-2.0
// Input that a C++ program fills in follows the same rules as JSON input and is refused with the same errors.
#include <support/queue_database.hpp>
#include <support/refused_input.hpp>

#include <ctms/json/contact_json.hpp>
#include <ctms/service/contacts.hpp>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using json::purpose;
using test::long_text;
using test::quoted;
using test::written;
using namespace std::chrono_literals;

namespace {

/// The errors of a JSON body.
std::string refusal(std::string_view text, purpose why) {
    const auto sent = json::body::parse(text);
    REQUIRE(sent.has_value());
    const auto read = json::read_contact(*sent, why);
    REQUIRE_FALSE(read.has_value());
    return written(read.error());
}

constexpr auto id = "332de237-cab7-4461-bcc3-48e68f42bd5c";
constexpr auto nil_id = "00000000-0000-0000-0000-000000000000";

model::contact_input jane() {
    model::contact_input out;
    out.email.primary_email = "jane@example.com";
    out.email.email_id = uuid::parse(id).value();
    return out;
}

model::newsletter newsletter(std::string name) {
    model::newsletter out;
    out.name = std::move(name);
    return out;
}

/// A mistake, as C++ and as the members of a JSON body that follow or replace those of jane().
struct mistake {
    std::function<void(model::contact_input&)> make;
    std::string email;  ///< more members of "email"
    std::string others; ///< more groups
};

std::vector<mistake> mistakes() {
    const auto item = [](std::string members) { return R"("newsletters":[{"name":"n",)" + std::move(members) + "}]"; };
    const auto with_item = [](auto change) {
        return [change](model::contact_input& to) { change(to.newsletters.emplace_back(newsletter("n"))); };
    };
    const auto waitlist = [](std::string name, std::string fields) {
        return [name, fields](model::contact_input& to) { to.waitlists.push_back({.name = name, .source = {}, .fields = fields}); };
    };
    return {
        {[](auto& to) { to.email.basket_token = "not-a-uuid"; }, R"("basket_token":"not-a-uuid")", ""},
        {[](auto& to) { to.email.basket_token = ""; }, R"("basket_token":"")", ""},
        {[](auto& to) { to.email.primary_email = long_text(256); }, R"("primary_email":)" + quoted(256), ""},
        {[](auto& to) { to.email.first_name = std::string("a\0b", 3); }, R"("first_name":"a\u0000b")", ""},
        {[](auto& to) { to.email.email_lang = "sixsix"; }, R"("email_lang":"sixsix")", ""},
        {[](auto& to) { to.email.email_format = "X"; }, R"("email_format":"X")", ""},
        {[](auto& to) { to.email.email_id = uuid::parse("332de237-cab7-1461-bcc3-48e68f42bd5c").value(); },
         R"("email_id":"332de237-cab7-1461-bcc3-48e68f42bd5c")", ""},
        {[](auto& to) { to.amo.emplace().username = long_text(101); }, "", R"("amo":{"username":)" + quoted(101) + "}"},
        {[](auto& to) { to.amo.emplace().last_login = date{std::chrono::year{2021} / 2 / 30}; }, "",
         R"("amo":{"last_login":"2021-02-30"})"},
        {[](auto& to) { to.fxa.emplace().fxa_id = long_text(51); }, "", R"("fxa":{"fxa_id":)" + quoted(51) + "}"},
        {[](auto& to) { to.mofo.emplace().mofo_email_id = long_text(256); }, "", R"("mofo":{"mofo_email_id":)" + quoted(256) + "}"},
        {with_item([](auto& to) { to.source = "javascript:alert"; }), "", item(R"("source":"javascript:alert")")},
        {with_item([](auto& to) { to.source = ""; }), "", item(R"("source":"")")},
        {with_item([](auto& to) { to.format = "N"; }), "", item(R"("format":"N")")},
        {with_item([](auto& to) { to.lang = "x"; }), "", item(R"("lang":"x")")},
        {with_item([](auto& to) { to.name = long_text(256); }), "", R"("newsletters":[{"name":)" + quoted(256) + "}]"},
        {waitlist(long_text(256), "{}"), "", R"("waitlists":[{"name":)" + quoted(256) + "}]"},
        {waitlist("w", "[1]"), "", R"("waitlists":[{"name":"w","fields":[1]}])"},
        {waitlist("w", R"({"a":"\u0000"})"), "", R"("waitlists":[{"name":"w","fields":{"a":"\u0000"}}])"},
        {waitlist("vpn", "{}"), "", R"("waitlists":[{"name":"vpn"}])"},
        {waitlist("vpn", R"({"geo":5,"x":1})"), "", R"("waitlists":[{"name":"vpn","fields":{"geo":5,"x":1}}])"},
        {waitlist("relay", R"({"geo":null})"), "", R"("waitlists":[{"name":"relay","fields":{"geo":null}}])"},
        {[](auto& to) { to.newsletters.push_back(newsletter("relay-phones")); }, "", R"("newsletters":[{"name":"relay-phones"}])"},
    };
}

std::string body_of(const mistake& wrong) {
    std::string out = R"({"email":{"primary_email":"jane@example.com","email_id":")" + std::string(id) + '"';
    if (!wrong.email.empty()) out += ',' + wrong.email; // the last member of a name counts
    out += '}';
    if (!wrong.others.empty()) out += ',' + wrong.others;
    return out + '}';
}

} // namespace

TEST_CASE("typed input is refused with the errors of JSON input") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    for (const auto& wrong : mistakes()) {
        auto input = jane();
        wrong.make(input);
        const auto text = body_of(wrong);
        CAPTURE(text);
        const auto created = contacts.create(input);
        CHECK(written(created.error()) == refusal(text, purpose::create));
        const auto replaced = contacts.replace(input.email.email_id, input);
        CHECK(written(replaced.error()) == refusal(text, purpose::replace));
    }
    CHECK(db.rows_of("emails") == 0);
}

TEST_CASE("every broken rule of typed input is reported, in the order of JSON input") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    auto input = jane();
    input.email.basket_token = "x";
    input.amo.emplace().language = "sixsix";
    input.waitlists.push_back({.name = "", .source = "x", .fields = "5"});
    input.newsletters = {newsletter("a"), newsletter(long_text(256))};
    input.newsletters[0].source = "x";
    input.vpn.set({.geo = long_text(101), .platform = {}});
    input.relay.set({.geo = long_text(101)});
    const auto text = R"({"amo":{"language":"sixsix"},"email":{"primary_email":"jane@example.com","basket_token":"x"},)"
                      R"("newsletters":[{"name":"a","source":"x"},{"name":)" +
                      quoted(256) + R"(}],"waitlists":[{"name":"","source":"x","fields":5}],"vpn_waitlist":{"geo":)" + quoted(101) +
                      R"(},"relay_waitlist":{"geo":)" + quoted(101) + "}}";
    CHECK(written(contacts.create(input).error()) == refusal(text, purpose::create));
    CHECK(db.rows_of("emails") == 0);
}

TEST_CASE("what is not set counts as missing") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    model::contact_input nothing;
    CHECK(written(contacts.create(nothing).error()) == refusal(R"({"email":{}})", purpose::create));
    CHECK(written(contacts.replace(uuid(), nothing).error()) == refusal(R"({"email":{}})", purpose::replace));
    nothing.email.primary_email = "jane@example.com";
    const auto no_id = refusal(R"({"email":{"primary_email":"jane@example.com"}})", purpose::replace);
    CHECK(written(contacts.replace(uuid(), nothing).error()) == no_id);
    CHECK(written(contacts.replace(uuid::parse(id).value(), nothing).error()) == no_id);
    nothing.newsletters.emplace_back();
    CHECK(written(contacts.create(nothing).error()) ==
          refusal(R"({"email":{"primary_email":"jane@example.com"},"newsletters":[{}]})", purpose::create));
    CHECK(db.rows_of("emails") == 0);
}

TEST_CASE("a nil id is never stored") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    auto input = jane();
    input.email.email_id = uuid();
    CHECK_FALSE(contacts.create(input).value().contact.email.email_id.is_nil()); // nil means that an id is assigned
    const auto created = json::check(input, purpose::create).value();
    CHECK(contacts.replace(uuid(), created).error().code == errc::invalid);
    CHECK(db.value(fmt::format("select count(*) from emails where email_id = '{}'", nil_id)) == "0");
}

TEST_CASE("strings that are not UTF-8 are refused in every field") {
    const std::string bad = "a\xFF";
    model::contact_input input;
    input.email.primary_email = input.email.email_format = bad;
    input.email.basket_token = input.email.first_name = bad;
    input.newsletters.push_back(newsletter(bad));
    input.newsletters[0].source = bad;
    input.waitlists.push_back({.name = bad, .source = {}, .fields = "{}"});
    const auto failure = json::check(input, purpose::create).error();
    std::vector<std::string> places;
    for (const auto& one : failure.fields) {
        CHECK(one.type == "value_error.unicodedecode");
        places.push_back(std::get<std::string>(one.location.back()));
    }
    CHECK(places == std::vector<std::string>{"primary_email", "basket_token", "first_name", "email_format", "name", "source", "name"});
    auto waitlist = jane();
    waitlist.waitlists.push_back({.name = "w", .source = {}, .fields = "{\"a\":\"\xFF\"}"});
    CHECK(
        written(json::check(waitlist, purpose::create).error()) ==
        R"({"detail":[{"loc":["body","waitlists",0,"fields"],"msg":"the string is not valid UTF-8","type":"value_error.unicodedecode"}]})");
}

TEST_CASE("lists and the fields of waitlists have the limits of a body") {
    auto input = jane();
    input.newsletters.assign(10'000, newsletter("n"));
    CHECK(json::check(input, purpose::create).has_value());
    input.newsletters.push_back(newsletter("n"));
    const auto failure = json::check(input, purpose::create).error();
    CHECK(written(failure) == R"({"detail":[{"loc":["body","newsletters"],"msg":"ensure this value has at most 10000 items",)"
                              R"("type":"value_error.list.max_items","ctx":{"limit_value":10000}}]})");
    for (const std::size_t depth : {27U, 28U, 29U, 30U}) { // further levels within the object
        CAPTURE(depth);
        const auto fields = R"({"a":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
        auto nested = jane();
        nested.waitlists.push_back({.name = "w", .source = {}, .fields = fields});
        const auto body = json::body::parse(R"({"email":{"primary_email":"a"},"waitlists":[{"name":"w","fields":)" + fields + "}]}");
        CHECK(json::check(nested, purpose::create).has_value() == body.has_value());
    }
    for (const auto* text : {"", "{", "{}x", "nil"}) {
        CAPTURE(text);
        auto broken = jane();
        broken.waitlists.push_back({.name = "w", .source = {}, .fields = text});
        const auto refused = json::check(broken, purpose::create).error();
        REQUIRE(refused.fields.size() == 1);
        CHECK(refused.fields[0].type == "value_error.json");
    }
}

TEST_CASE("typed input is stored in the form of JSON input") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    auto input = jane();
    input.email.basket_token = "C4A7D759BB52457B896B90F1D3EF8433";
    input.email.create_timestamp = now() - 24h * 365;
    input.amo.emplace(); // has defaults only
    input.newsletters.push_back(newsletter("n"));
    input.newsletters[0].source = " http://localhost/x ";
    input.waitlists.push_back({.name = "w", .source = {}, .fields = R"([["a", 1]])"});
    const auto stored = contacts.create(input).value().contact;
    CHECK(stored.email.basket_token == "c4a7d759-bb52-457b-896b-90f1d3ef8433");
    CHECK(stored.email.create_timestamp.value() > now() - 1h);
    CHECK_FALSE(stored.amo);
    CHECK(stored.newsletters.at(0).source == "http://localhost/x");
    CHECK(stored.waitlists.at(0).fields == R"({"a":1})");
    CHECK(contacts.get(stored.email.email_id).value().newsletters == stored.newsletters);
}

TEST_CASE("a name that appears twice is refused as in a request") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    auto input = jane();
    input.newsletters = {newsletter("n"), newsletter("n")};
    const auto created = contacts.create(input).error();
    CHECK(created.code == errc::conflict);
    CHECK(created.conflicts == std::vector<std::string>{"newsletters"});
    CHECK(written(contacts.replace(input.email.email_id, input).error()) ==
          R"({"detail":[{"loc":["body","newsletters",1,"name"],"msg":"duplicate name","type":"value_error.duplicate"}]})");
    CHECK(db.rows_of("emails") == 0);
}

TEST_CASE("lookups and deletions by strings that cannot be stored find nothing") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    REQUIRE(contacts.create(jane()).has_value());
    for (const auto& address : {std::string("jane@example.com\0x", 18), std::string("jane@example.com\xFF"), std::string("\0", 1)}) {
        const auto removed = contacts.remove(address).error();
        CHECK(removed.code == errc::not_found);
        CHECK(removed.message.ends_with(" not found!"));
        model::identity_query query;
        query.primary_email = address;
        query.fxa_id = address;
        for (const auto& failure : {contacts.find(query).error(), contacts.find_identities(query).error()}) {
            CHECK(failure.code == errc::invalid);
            REQUIRE(failure.fields.size() == 2);
            CHECK(failure.fields[0].location == std::vector<location_step>{std::string("query"), std::string("primary_email")});
            CHECK(failure.fields[1].location == std::vector<location_step>{std::string("query"), std::string("fxa_id")});
        }
        query.fxa_id.reset();
        model::identity_query good;
        good.primary_email = "jane@example.com";
        const std::vector<model::identity_query> several{good, query, good};
        const auto found = contacts.find_documents(several);
        CHECK(found.at(0).value().size() == 1);
        CHECK(found.at(1).error().code == errc::invalid);
        CHECK(found.at(2).value().size() == 1);
    }
    CHECK(db.rows_of("emails") == 1);
}

TEST_CASE("input that was checked for something else is checked again") {
    test::queue_database db;
    service::contacts contacts(db.pool);
    auto input = jane();
    input.waitlists.push_back({.name = "vpn", .source = {}, .fields = "{}", .subscribed = false}); // may be left, but not joined
    const auto to_replace = json::check(input, purpose::replace).value();
    const auto refused = json::check(input, purpose::create).error();
    CHECK(written(contacts.create(to_replace).error()) == written(refused));
    CHECK(contacts.replace(input.email.email_id, to_replace).has_value());

    auto without_id = jane();
    without_id.email.email_id = uuid();
    const auto to_create = json::check(without_id, purpose::create).value();
    CHECK(written(contacts.replace(uuid::parse(id).value(), to_create).error()) ==
          written(json::check(without_id, purpose::replace).error()));
    CHECK(db.rows_of("emails") == 1);
}

TEST_CASE("checked input keeps its value when it is moved") {
    auto first = json::check(jane(), purpose::create).value();
    const auto second = std::move(first);
    CHECK(*second == jane());
    CHECK(*first == jane()); // NOLINT(bugprone-use-after-move,hicpp-invalid-access-moved): that is the point
    CHECK(first.checked_for() == purpose::create);
    const model::contact_patch nothing;
    CHECK(json::check(nothing).value().checked_for() == std::nullopt);
}
