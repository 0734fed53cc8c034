// SPDX-License-Identifier: MPL-2.0
// Why bodies of POST and PUT are refused, with the messages that clients of the Python service read.
#include <support/refused_input.hpp>

#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace ctms;
using json::purpose;
using test::written;

namespace {

/// Returns the errors of a body, or "valid".
std::string refusal(const json::body& sent, purpose why = purpose::create) {
    const auto read = json::read_contact(sent, why);
    if (read) return "valid";
    CHECK(read.error().code == errc::invalid);
    return written(read.error());
}

std::string refusal(std::string_view text, purpose why = purpose::create) {
    const auto sent = json::body::parse(text);
    REQUIRE(sent.has_value());
    return refusal(*sent, why);
}

std::string errors(const std::vector<std::string>& items) {
    std::string out = R"({"detail":[)";
    for (const auto& item : items) out += (&item == items.data() ? "" : ",") + item;
    return out + "]}";
}

/// Returns one error; `place` is the JSON that follows "body".
std::string one(std::string_view place, std::string_view message, std::string_view type, std::string_view context = {}) {
    auto out = R"({"loc":["body")" + std::string(place.empty() ? "" : ",") + std::string(place) + R"(],"msg":")" + std::string(message) +
               R"(","type":")" + std::string(type) + '"';
    if (!context.empty()) out += R"(,"ctx":)" + std::string(context);
    return out + "}";
}

std::string missing(std::string_view place) { return one(place, "field required", "value_error.missing"); }
std::string not_null(std::string_view place) { return one(place, "none is not an allowed value", "type_error.none.not_allowed"); }
std::string not_dict(std::string_view place) { return one(place, "value is not a valid dict", "type_error.dict"); }
std::string not_list(std::string_view place) { return one(place, "value is not a valid list", "type_error.list"); }
std::string not_text(std::string_view place) { return one(place, "str type expected", "type_error.str"); }
std::string not_bool(std::string_view place) { return one(place, "value could not be parsed to a boolean", "type_error.bool"); }
std::string not_uuid(std::string_view place) { return one(place, "value is not a valid uuid", "type_error.uuid"); }
std::string not_url(std::string_view place) { return one(place, "invalid or missing URL scheme", "value_error.url.scheme"); }
std::string extra(std::string_view place) { return one(place, "extra fields not permitted", "value_error.extra"); }
std::string too_long(std::string_view place, int limit) {
    const auto number = std::to_string(limit);
    return one(place, "ensure this value has at most " + number + " characters", "value_error.any_str.max_length",
               R"({"limit_value":)" + number + "}");
}
std::string too_short(std::string_view place, int limit) {
    const auto number = std::to_string(limit);
    return one(place, "ensure this value has at least " + number + " characters", "value_error.any_str.min_length",
               R"({"limit_value":)" + number + "}");
}

/// Returns a body that is otherwise valid.
std::string with(std::string_view group) { return R"({"email":{"primary_email":"a@example.com"},)" + std::string(group) + "}"; }

std::string text_of(std::size_t length) { return '"' + std::string(length, 'x') + '"'; }

const std::string country_missing = one(R"("__root__")", "Relay country missing", "value_error");

} // namespace

TEST_CASE("an error is written as its message or as its broken rules") {
    CHECK(written(not_found("Unknown \"id\"", "secret")) == R"({"detail":"Unknown \"id\""})");
    CHECK(written({errc::conflict, "taken", {}, {}, {"email_id", "fxa_id"}}) == R"({"detail":"taken","conflicts":["email_id","fxa_id"]})");
    const field_error broken{{std::string("body"), std::size_t{3}, std::string("é\"")}, "m", "t", R"({"limit_value":5})"};
    CHECK(written({errc::invalid, "unused", {}, {broken, {{std::string("query")}, "n", "u", {}}}, {}}) ==
          R"({"detail":[{"loc":["body",3,"é\""],"msg":"m","type":"t","ctx":{"limit_value":5}},{"loc":["query"],"msg":"n","type":"u"}]})");
}

TEST_CASE("a body that is not an object is refused as a whole") {
    CHECK(refusal(json::body::missing()) == errors({missing("")}));
    CHECK(refusal(json::body::not_json()) == errors({not_dict("")}));
    CHECK(refusal("null") == errors({missing("")}));
    for (const std::string text : {"5", "true", "\"x\"", "[1]", "[[]]", "NaN"}) {
        CAPTURE(text);
        CHECK(refusal(text) == errors({not_dict("")}));
    }
    CHECK(refusal("[]") == errors({missing(R"("email")")}));
    CHECK(refusal("{}") == errors({missing(R"("email")")}));
}

TEST_CASE("invalid JSON is reported with its position, invalid UTF-8 without one") {
    const auto broken = json::body::parse("{\"a\": x}");
    REQUIRE_FALSE(broken.has_value());
    CHECK(broken.error().code == errc::invalid);
    REQUIRE(broken.error().fields.size() == 1);
    CHECK(broken.error().fields[0].type == "value_error.jsondecode");
    REQUIRE(broken.error().fields[0].location.size() == 2);
    CHECK(std::get<std::string>(broken.error().fields[0].location[0]) == "body");
    CHECK(std::get<std::size_t>(broken.error().fields[0].location[1]) == 6);
    CHECK(broken.error().fields[0].message.ends_with(": line 1 column 7 (char 6)"));
    CHECK(broken.error().fields[0].context.ends_with(R"("doc":"{\"a\": x}","pos":6,"lineno":1,"colno":7})"));

    const auto bytes = json::body::parse("{\"a\":\"\xFF\"}");
    REQUIRE_FALSE(bytes.has_value());
    CHECK(bytes.error().code == errc::malformed);
    CHECK(written(bytes.error()) == R"({"detail":"There was an error parsing the body"})");
}

TEST_CASE("a body that is too deep or too long is refused") {
    const auto deep = json::body::parse(std::string(33, '[') + std::string(33, ']'));
    REQUIRE_FALSE(deep.has_value());
    CHECK(deep.error().code == errc::invalid);
    CHECK(deep.error().fields.at(0).message.starts_with("nested too deeply"));
    CHECK(json::body::parse(std::string(32, '[') + std::string(32, ']')).has_value());
    std::string items = "[0";
    for (int i = 0; i < 10'000; ++i) items += ",0";
    const auto many = json::body::parse(items + "]");
    REQUIRE_FALSE(many.has_value());
    CHECK(many.error().fields.at(0).message.starts_with("a list has too many items"));
}

TEST_CASE("email is required and must be an object with an address") {
    CHECK(refusal(R"({"email":null})") == errors({not_null(R"("email")")}));
    CHECK(refusal(R"({"email":"x"})") == errors({not_dict(R"("email")")}));
    CHECK(refusal(R"({"email":[]})") == errors({not_dict(R"("email")")}));
    CHECK(refusal(R"({"email":{}})") == errors({missing(R"("email","primary_email")")}));
    CHECK(refusal(R"({"email":{"primary_email":null}})") == errors({not_null(R"("email","primary_email")")}));
    CHECK(refusal(R"({"email":{"primary_email":[]}})") == errors({not_text(R"("email","primary_email")")}));
    CHECK(refusal(R"({"email":{"primary_email":)" + text_of(256) + "}}") == errors({too_long(R"("email","primary_email")", 255)}));
    CHECK(refusal(R"({"email":{"primary_email":)" + text_of(255) + "}}") == "valid");
}

TEST_CASE("every broken rule of email is reported in field order") {
    const auto text =
        R"({"email":{"email_id":"x","unsubscribe_reason":{},"has_opted_out_of_email":null,"email_lang":"sixsix","email_format":"X",
        "mailing_country":)" +
        text_of(256) + R"(,"last_name":)" + text_of(256) + R"(,"first_name":[],"sfdc_id":)" + text_of(256) +
        R"(,"double_opt_in":"maybe","basket_token":"x","primary_email":{}}})";
    CHECK(refusal(text) ==
          errors({not_text(R"("email","primary_email")"), not_uuid(R"("email","basket_token")"), not_bool(R"("email","double_opt_in")"),
                  too_long(R"("email","sfdc_id")", 255), not_text(R"("email","first_name")"), too_long(R"("email","last_name")", 255),
                  too_long(R"("email","mailing_country")", 255),
                  one(R"("email","email_format")", "unexpected value; permitted: 'H', 'T', 'N', ''", "value_error.const",
                      R"({"given":"X","permitted":["H","T","N",""]})"),
                  too_long(R"("email","email_lang")", 5), not_null(R"("email","has_opted_out_of_email")"),
                  not_text(R"("email","unsubscribe_reason")"), not_uuid(R"("email","email_id")")}));
}

TEST_CASE("an email_id must be a UUID of version 4") {
    CHECK(refusal(R"({"email":{"primary_email":"a","email_id":"332de237-cab7-1461-bcc3-48e68f42bd5c"}})") ==
          errors({one(R"("email","email_id")", "uuid version 4 expected", "value_error.uuid.version", R"({"required_version":4})")}));
}

TEST_CASE("every broken rule of amo is reported in field order") {
    CHECK(
        refusal(with(R"("amo":{"username":)" + text_of(101) + R"(,"user_id":)" + text_of(41) + R"(,"user":5,"profile_url":)" + text_of(41) +
                     R"(,"location":)" + text_of(256) + R"(,"last_login":"x","language":"sixsix","email_opt_in":[],"display_name":)" +
                     text_of(256) + R"(,"add_on_ids":{}})")) ==
        errors({not_text(R"("amo","add_on_ids")"), too_long(R"("amo","display_name")", 255), not_bool(R"("amo","email_opt_in")"),
                too_long(R"("amo","language")", 5), one(R"("amo","last_login")", "invalid date format", "value_error.date"),
                too_long(R"("amo","location")", 255), too_long(R"("amo","profile_url")", 40), not_bool(R"("amo","user")"),
                too_long(R"("amo","user_id")", 40), too_long(R"("amo","username")", 100)}));
}

TEST_CASE("every broken rule of fxa and mofo is reported in field order") {
    CHECK(refusal(with(R"("fxa":{"account_deleted":"x","first_service":)" + text_of(51) + R"(,"lang":)" + text_of(256) +
                       R"(,"created_date":[],"primary_email":{},"fxa_id":)" + text_of(51) +
                       R"(},"mofo":{"mofo_relevant":null,"mofo_contact_id":)" + text_of(256) + R"(,"mofo_email_id":)" + text_of(256) +
                       "}")) ==
          errors({too_long(R"("fxa","fxa_id")", 50), not_text(R"("fxa","primary_email")"), not_text(R"("fxa","created_date")"),
                  too_long(R"("fxa","lang")", 255), too_long(R"("fxa","first_service")", 50), not_bool(R"("fxa","account_deleted")"),
                  too_long(R"("mofo","mofo_email_id")", 255), too_long(R"("mofo","mofo_contact_id")", 255),
                  not_null(R"("mofo","mofo_relevant")")}));
}

TEST_CASE("strings that are too long for their column are refused and not truncated") {
    CHECK(refusal(with(R"("amo":{"add_on_ids":)" + text_of(501) + "}")) == errors({too_long(R"("amo","add_on_ids")", 500)}));
    CHECK(refusal(with(R"("fxa":{"primary_email":)" + text_of(256) + R"(,"created_date":)" + text_of(51) + "}")) ==
          errors({too_long(R"("fxa","primary_email")", 255), too_long(R"("fxa","created_date")", 50)}));
    CHECK(refusal(with(R"("newsletters":[{"name":)" + text_of(256) + "}]")) == errors({too_long(R"("newsletters",0,"name")", 255)}));
    CHECK(refusal(R"({"email":{"primary_email":"a\u0000b"}})") ==
          errors({one(R"("email","primary_email")", "NUL characters are not allowed", "value_error.any_str.nul")}));
}

TEST_CASE("a group must be an object") {
    for (const std::string value : {"\"x\"", "5", "[]", "true", "\"DELETE\""}) {
        CAPTURE(value);
        CHECK(refusal(with(R"("amo":)" + value + R"(,"fxa":)" + value + R"(,"mofo":)" + value)) ==
              errors({not_dict(R"("amo")"), not_dict(R"("fxa")"), not_dict(R"("mofo")")}));
        CHECK(refusal(with(R"("vpn_waitlist":)" + value + R"(,"relay_waitlist":)" + value)) ==
              errors({not_dict(R"("vpn_waitlist")"), not_dict(R"("relay_waitlist")")}));
    }
}

TEST_CASE("groups are reported in the order of a contact's groups") {
    CHECK(refusal(R"({"relay_waitlist":5,"vpn_waitlist":5,"waitlists":5,"newsletters":5,"mofo":5,"fxa":5,"email":5,"amo":5})") ==
          errors({not_dict(R"("amo")"), not_dict(R"("email")"), not_dict(R"("fxa")"), not_dict(R"("mofo")"), not_list(R"("newsletters")"),
                  not_list(R"("waitlists")"), not_dict(R"("vpn_waitlist")"), not_dict(R"("relay_waitlist")")}));
}

TEST_CASE("lists must be lists of objects") {
    CHECK(refusal(with(R"("newsletters":null,"waitlists":null)")) == errors({not_null(R"("newsletters")"), not_null(R"("waitlists")")}));
    CHECK(refusal(with(R"("newsletters":{},"waitlists":"UNSUBSCRIBE")")) ==
          errors({not_list(R"("newsletters")"), not_list(R"("waitlists")")}));
    CHECK(refusal(with(R"("newsletters":[{"name":"a"},null,"x"],"waitlists":[5])")) ==
          errors({not_null(R"("newsletters",1)"), not_dict(R"("newsletters",2)"), not_dict(R"("waitlists",0)")}));
}

TEST_CASE("every broken rule of a newsletter is reported with its index") {
    CHECK(refusal(with(R"("newsletters":[{},{"name":"b","subscribed":"x","format":"N","lang":"x","source":"x","unsub_reason":[]},)"
                       R"({"name":null,"format":{},"lang":"sixsix","source":""}])")) ==
          errors({missing(R"("newsletters",0,"name")"), not_bool(R"("newsletters",1,"subscribed")"),
                  one(R"("newsletters",1,"format")", "unexpected value; permitted: 'H', 'T'", "value_error.const",
                      R"({"given":"N","permitted":["H","T"]})"),
                  too_short(R"("newsletters",1,"lang")", 2), not_url(R"("newsletters",1,"source")"),
                  not_text(R"("newsletters",1,"unsub_reason")"), not_null(R"("newsletters",2,"name")"),
                  one(R"("newsletters",2,"format")", "unhashable type: 'dict'", "type_error"), too_long(R"("newsletters",2,"lang")", 5),
                  too_short(R"("newsletters",2,"source")", 1)}));
}

TEST_CASE("every broken rule of a waitlist is reported with its index") {
    CHECK(
        refusal(with(R"("waitlists":[{},{"name":"","source":"x","fields":5,"subscribed":"x"},{"name":"c","fields":null}])")) ==
        errors({missing(R"("waitlists",0,"name")"), too_short(R"("waitlists",1,"name")", 1), not_url(R"("waitlists",1,"source")"),
                not_dict(R"("waitlists",1,"fields")"), not_bool(R"("waitlists",1,"subscribed")"), not_null(R"("waitlists",2,"fields")")}));
}

TEST_CASE("the waitlists vpn and relay accept certain fields only") {
    CHECK(refusal(with(
              R"("waitlists":[{"name":"vpn"},{"name":"vpn","fields":{"geo":null,"platform":[],"x":1,"y":2}},{"name":"relay","fields":{}},)"
              R"({"name":"relay","fields":{"geo":"fr","platform":"ios"}}])")) ==
          errors({missing(R"("waitlists",0,"__root__","geo")"), not_null(R"("waitlists",1,"__root__","geo")"),
                  not_text(R"("waitlists",1,"__root__","platform")"), extra(R"("waitlists",1,"__root__","x")"),
                  extra(R"("waitlists",1,"__root__","y")"), missing(R"("waitlists",2,"__root__","geo")"),
                  extra(R"("waitlists",3,"__root__","platform")")}));
    CHECK(refusal(with(R"("waitlists":[{"name":"vpn","fields":{"geo":)" + text_of(101) + R"(,"platform":)" + text_of(101) + "}}]")) ==
          errors({too_long(R"("waitlists",0,"__root__","geo")", 100), too_long(R"("waitlists",0,"__root__","platform")", 100)}));
    CHECK(refusal(with(R"("waitlists":[{"name":"vpn","fields":{"geo":"fr","platform":null}},{"name":"relay","fields":{"geo":5}}])")) ==
          "valid");
    CHECK(refusal(with(R"("waitlists":[{"name":"VPN","fields":{"x":1}},{"name":"vpn-2","fields":{"x":1}}])")) == "valid");
}

TEST_CASE("a value that could never be read again is refused") {
    CHECK(refusal(with(R"("waitlists":[{"name":"relay-phones","fields":{"geo":[]}}])")) ==
          errors({not_text(R"("waitlists",0,"__root__","geo")")}));
    CHECK(refusal(with(R"("waitlists":[{"name":"vpn","subscribed":false}])")) == errors({missing(R"("waitlists",0,"__root__","geo")")}));
    CHECK(refusal(with(R"("waitlists":[{"name":"relay-phones","fields":{"other":[]}}])")) == "valid");
}

TEST_CASE("the older waitlists have limits, too") {
    CHECK(refusal(with(R"("vpn_waitlist":{"geo":)" + text_of(101) + R"(,"platform":[]},"relay_waitlist":{"geo":)" + text_of(101) + "}")) ==
          errors({too_long(R"("vpn_waitlist","geo")", 100), not_text(R"("vpn_waitlist","platform")"),
                  too_long(R"("relay_waitlist","geo")", 100)}));
}

TEST_CASE("a contact that subscribes to Relay must name a country") {
    constexpr auto subscribes = R"("newsletters":[{"name":"relay-phones-waitlist"}])";
    CHECK(refusal(with(subscribes)) == errors({country_missing}));
    CHECK(refusal(with(std::string(subscribes) + R"(,"relay_waitlist":null)")) == errors({country_missing}));
    CHECK(refusal(with(std::string(subscribes) + R"(,"relay_waitlist":{"geo":""})")) == errors({country_missing}));
    CHECK(refusal(with(std::string(subscribes) + R"(,"waitlists":[{"name":"relay-phones","fields":{"geo":"fr"}}])")) ==
          errors({country_missing}));
    CHECK(refusal(with(std::string(subscribes) + R"(,"waitlists":[{"name":"relay","fields":{"geo":""}}])")) == errors({country_missing}));
}

TEST_CASE("PUT must carry the id of the contact") {
    CHECK(refusal(R"({"email":{"primary_email":"a"}})", purpose::replace) == errors({missing(R"("email","email_id")")}));
    CHECK(refusal(R"({"email":{"primary_email":"a","email_id":null}})", purpose::replace) == errors({not_null(R"("email","email_id")")}));
    CHECK(refusal(R"({"email":{"email_id":"x"}})", purpose::replace) ==
          errors({missing(R"("email","primary_email")"), not_uuid(R"("email","email_id")")}));
}
