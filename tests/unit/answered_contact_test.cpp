// SPDX-License-Identifier: MPL-2.0
// Reading a contact from a response of the API.
#include <ctms/json/contact_json.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace ctms;

namespace {

const timestamp when = timestamp(std::chrono::seconds{1611869217}) + std::chrono::microseconds{500};

std::string written(const model::contact& contact, bool with_status) {
    std::string out;
    json::write_contact(out, contact, with_status);
    return out;
}

/// A contact whose fields all differ from their defaults.
model::contact full() {
    model::contact out;
    const auto id = uuid::parse("332de237-cab7-4461-bcc3-48e68f42bd5c").value();
    out.email = model::email{.primary_email = "a@example.com",
                             .basket_token = "not a UUID",
                             .double_opt_in = true,
                             .sfdc_id = "s",
                             .first_name = "Jane",
                             .last_name = "Doe",
                             .mailing_country = "de",
                             .email_format = "T",
                             .email_lang = "de",
                             .has_opted_out_of_email = true,
                             .unsubscribe_reason = "why",
                             .email_id = id,
                             .create_timestamp = when,
                             .update_timestamp = when};
    out.amo = model::amo{.add_on_ids = "1,2",
                         .display_name = "J",
                         .email_opt_in = true,
                         .language = "fr",
                         .last_login = std::chrono::year(2021) / 2 / 3,
                         .location = "here",
                         .profile_url = "jane",
                         .user = true,
                         .user_id = "7",
                         .username = "jj",
                         .create_timestamp = when,
                         .update_timestamp = when};
    out.fxa = model::fxa{.fxa_id = "f",
                         .primary_email = "f@example.com",
                         .created_date = "long ago",
                         .lang = "de,fr",
                         .first_service = "sync",
                         .account_deleted = true};
    out.mofo = model::mofo{.mofo_email_id = "m", .mofo_contact_id = "c", .mofo_relevant = true};
    out.newsletters = {{"a", false, "T", "pt", "https://x.example", "bored"}, {"b", true, "H", std::nullopt, {}, {}}};
    out.waitlists = {{"relay", "https://x.example", R"({"geo":"fr"})", true}, {"vpn", {}, R"({"n":1.50,"platform":"ios"})", true}};
    return out;
}

} // namespace

TEST_CASE("what write_contact writes is read as the same contact") {
    for (const bool with_status : {false, true}) {
        CHECK(json::read_answered_contact(written(full(), with_status)).value() == full());
        model::contact smallest;
        smallest.email.primary_email = "a@example.com";
        CHECK(json::read_answered_contact(written(smallest, with_status)).value() == smallest);
    }
}

TEST_CASE("what is unknown or absent in a response does not matter, except for the ids") {
    const auto read = json::read_answered_contact(
        R"({"new":1,"email":{"primary_email":"a","email_id":"332de237-cab7-4461-bcc3-48e68f42bd5c","new":[]},"amo":null})");
    CHECK(read.value().email.email_lang == "en");
    CHECK_FALSE(read.value().amo);
    const auto without = json::read_answered_contact(R"({"email":{}})");
    CHECK(without.error().code == errc::invalid);
    REQUIRE(without.error().fields.size() == 2);
    CHECK(without.error().fields[0].location == std::vector<location_step>{"body", "email", "email_id"});
    CHECK(json::read_answered_contact("{}").error().fields.size() == 1);
}

TEST_CASE("values of a wrong type are refused with their places") {
    const auto read = json::read_answered_contact(
        R"({"email":{"primary_email":5,"email_id":"x","double_opt_in":"yes","email_format":null,"create_timestamp":"today"},)"
        R"("amo":{"last_login":1},"fxa":[],"newsletters":[{"name":"a"},5],"waitlists":{}})");
    CHECK(read.error().code == errc::invalid);
    std::vector<std::string> places;
    for (const auto& one : read.error().fields) {
        std::string place;
        for (const auto& step : one.location) {
            const auto* name = std::get_if<std::string>(&step);
            place += "/" + (name != nullptr ? *name : std::to_string(std::get<std::size_t>(step)));
        }
        places.push_back(place);
    }
    CHECK(places == std::vector<std::string>{"/body/amo/last_login", "/body/email/primary_email", "/body/email/double_opt_in",
                                             "/body/email/email_format", "/body/email/email_id", "/body/email/create_timestamp",
                                             "/body/fxa", "/body/newsletters/1", "/body/waitlists"});
}

TEST_CASE("a response that is not a JSON object is refused") {
    for (const std::string_view text : {"", "{", "\xFF", "{} x"}) {
        CAPTURE(text);
        CHECK(json::read_answered_contact(text).error().code == errc::malformed);
    }
    CHECK(json::read_answered_contact("[]").error().code == errc::invalid);
}

TEST_CASE("inputs and patches can be compared") {
    model::contact_patch one;
    model::contact_patch other;
    CHECK(one == other);
    one.email.set(&model::email::first_name, std::nullopt);
    CHECK_FALSE(one == other);
    model::contact_input input;
    input.newsletters.emplace_back().name = "a";
    CHECK_FALSE(input == model::contact_input{});
    CHECK_FALSE(full() == model::contact{});
}
