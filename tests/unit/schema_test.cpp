// SPDX-License-Identifier: MPL-2.0
#include <doctest/doctest.h>

#include <ctms/json/schema.hpp>
#include <fields/tables.hpp>
#include <json/schema_fields.hpp>

#include <boost/json.hpp>

#include <set>
#include <string>

using namespace ctms;
namespace bj = boost::json;

namespace {

bj::object schema(std::string_view name) {
    for (const auto& one : json::schemas()) {
        if (one.name == name) return bj::parse(one.text).as_object();
    }
    FAIL("there is no schema named " << name);
    return {};
}

const bj::object& property(const bj::object& of, std::string_view name) { return of.at("properties").as_object().at(name).as_object(); }

std::set<std::string> required(const bj::object& of) {
    std::set<std::string> out;
    if (const auto* names = of.if_contains("required")) {
        for (const auto& name : names->as_array()) out.insert(std::string(name.as_string()));
    }
    return out;
}

std::int64_t number(const bj::object& of, std::string_view name) {
    const auto* value = of.if_contains(name);
    return value == nullptr ? 0 : value->as_int64();
}

/// Checks that the schema has every field of the table with its limits, choices and description.
template <class T>
void check_table(std::string_view name, bool is_output) {
    const auto text = schema(name);
    std::size_t count = 0;
    fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
        INFO(name << '.' << field.name);
        const bool shown = is_output ? !field.rule.input_only : !field.rule.output_only;
        REQUIRE(text.at("properties").as_object().contains(field.name) == shown);
        if (!shown) return;
        ++count;
        const auto& found = property(text, field.name);
        CHECK(found.at("description").as_string() == field.description);
        if (field.rule.as != fields::format::url) {
            CHECK(number(found, "maxLength") == field.rule.max);
            CHECK(number(found, "minLength") == field.rule.min);
        }
        CHECK(found.contains("enum") == !field.rule.choices.empty());
        if (!field.rule.choices.empty()) CHECK(found.at("enum").as_array().size() == field.rule.choices.size());
        CHECK(found.contains("example") == !field.rule.example.empty());
    });
    CHECK(text.at("properties").as_object().size() == count);
}

} // namespace

TEST_CASE("every schema is an object with a description, and the names are sorted") {
    std::string before;
    for (const auto& one : json::schemas()) {
        INFO(one.name);
        const auto text = bj::parse(one.text).as_object();
        CHECK(text.at("type").as_string() == "object");
        CHECK_FALSE(text.at("description").as_string().empty());
        CHECK(before < one.name);
        before = one.name;
    }
}

TEST_CASE("the limits, choices and texts in the schemas are those of the tables") {
    check_table<model::email>("EmailInSchema", false);
    check_table<model::email>("EmailPutSchema", false);
    check_table<model::email>("EmailPatchSchema", false);
    check_table<model::email>("EmailSchema", true);
    check_table<model::amo>("AddOnsBase", false);
    check_table<model::amo>("AddOnsSchema", true);
    check_table<model::fxa>("FirefoxAccountsBase", false);
    check_table<model::mofo>("MozillaFoundationBase", false);
    check_table<model::newsletter>("NewsletterBase", false);
    check_table<model::waitlist>("WaitlistInSchema", false);
    check_table<model::waitlist>("WaitlistBase", true);
    check_table<model::vpn_waitlist>("VpnWaitlistBase", false);
    check_table<model::relay_waitlist>("RelayWaitlistBase", false);
    check_table<model::identity>("IdentityResponse", true);
}

TEST_CASE("the required fields depend on the call") {
    CHECK(required(schema("EmailInSchema")) == std::set<std::string>{"primary_email"});
    CHECK(required(schema("EmailPutSchema")) == std::set<std::string>{"email_id", "primary_email"});
    CHECK(required(schema("EmailPatchSchema")).empty());
    CHECK(required(schema("ContactInSchema")) == std::set<std::string>{"email"});
    CHECK(required(schema("ContactPatchSchema")).empty());
    CHECK(required(schema("CTMSSingleResponse")).size() == 8);
    CHECK(property(schema("CTMSSingleResponse"), "status").at("default").as_string() == "ok");
    CHECK(schema("CTMSResponse").at("properties").as_object().contains("status") == false);
}

TEST_CASE("types and formats follow from the types of the members") {
    const auto email = schema("EmailSchema");
    CHECK(property(email, "email_id").at("format").as_string() == "uuid");
    CHECK_FALSE(property(email, "email_id").contains("nullable"));
    CHECK(property(schema("EmailInSchema"), "email_id").at("nullable").as_bool());
    CHECK(property(email, "create_timestamp").at("format").as_string() == "date-time");
    CHECK(property(schema("AddOnsBase"), "last_login").at("format").as_string() == "date");
    CHECK(property(schema("NewsletterBase"), "source").at("format").as_string() == "uri");
    CHECK(property(schema("NewsletterBase"), "source").at("maxLength").as_int64() == json::longest_url);
    CHECK(property(schema("WaitlistBase"), "fields").at("type").as_string() == "object");
    CHECK(property(schema("WaitlistBase"), "fields").at("example").is_object());
}

TEST_CASE("the defaults are those of the model, except in patches") {
    const auto email = schema("EmailInSchema");
    CHECK(property(email, "email_lang").at("default").as_string() == "en");
    CHECK(property(email, "email_lang").at("nullable").as_bool());
    CHECK(property(email, "double_opt_in").at("default").as_bool() == false);
    CHECK_FALSE(property(email, "first_name").contains("default"));
    CHECK_FALSE(property(email, "primary_email").contains("default"));
    CHECK_FALSE(property(schema("EmailPatchSchema"), "email_lang").contains("default"));
    CHECK(property(schema("WaitlistInSchema"), "fields").at("default").as_object().empty());
}

TEST_CASE("a patch may contain a word instead of a group or a list") {
    const auto change = schema("ContactPatchSchema");
    const auto word_of = [&](std::string_view name) {
        const auto& branches = property(change, name).at("anyOf").as_array();
        return std::string(branches.back().as_object().at("enum").as_array().front().as_string());
    };
    CHECK(word_of("amo") == "DELETE");
    CHECK(word_of("vpn_waitlist") == "DELETE");
    CHECK(word_of("newsletters") == "UNSUBSCRIBE");
    CHECK(word_of("waitlists") == "UNSUBSCRIBE");
    CHECK(property(change, "vpn_waitlist").at("nullable").as_bool());
    CHECK_FALSE(property(change, "amo").contains("nullable"));
    CHECK_FALSE(property(change, "email").contains("anyOf"));
}

TEST_CASE("the nine ids have schemas for use as parameters") {
    const auto ids = json::identity_fields();
    REQUIRE(ids.size() == 9);
    CHECK(ids.front().name == "email_id");
    CHECK(bj::parse(ids.front().text) == bj::parse(R"({"type":"string","format":"uuid"})"));
    CHECK(ids.back().name == "fxa_primary_email");
}
