// SPDX-License-Identifier: MPL-2.0
#include <ctms/acoustic/vendor_rows.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace ctms;
using namespace std::chrono_literals;
using acoustic::column;

namespace {

constexpr const char* id = "00000000-aaaa-4aaa-8aaa-000000000005";

timestamp at(int year, unsigned month, unsigned day, std::chrono::seconds time = 0s) {
    return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)) + time;
}

/// The default configuration.
model::acoustic_configuration usual() {
    model::acoustic_configuration out;
    out.sync_fields["main"] = {"amo_add_on_ids",
                               "amo_display_name",
                               "amo_email_opt_in",
                               "amo_language",
                               "amo_last_login",
                               "amo_location",
                               "amo_profile_url",
                               "amo_user",
                               "amo_user_id",
                               "amo_username",
                               "basket_token",
                               "create_timestamp",
                               "double_opt_in",
                               "email",
                               "email_format",
                               "email_id",
                               "email_lang",
                               "first_name",
                               "fxa_account_deleted",
                               "fxa_created_date",
                               "fxa_first_service",
                               "fxa_id",
                               "fxa_lang",
                               "fxa_login_date",
                               "fxa_primary_email",
                               "has_opted_out_of_email",
                               "last_name",
                               "mailing_country",
                               "relay_waitlist_geo",
                               "sfdc_id",
                               "sumo_contributor",
                               "sumo_user",
                               "sumo_username",
                               "unsubscribe_reason",
                               "vpn_waitlist_geo",
                               "vpn_waitlist_platform"};
    out.newsletter_mappings = {
        {"app-dev", "sub_apps_and_hacks"},       {"firefox-news", "sub_firefox_news"}, {"hubs", "sub_hubs"},
        {"mozilla-and-you", "sub_firefox_news"}, {"mozilla-rally", "sub_rally"},       {"mozilla-technology", "sub_mozilla_technology"}};
    return out;
}

model::contact plain() {
    model::contact out;
    out.email.email_id = *uuid::parse(id);
    out.email.primary_email = "html@example.com";
    out.email.create_timestamp = at(2026, 11, 24, 23h);
    out.email.update_timestamp = at(2026, 11, 25);
    return out;
}

model::newsletter newsletter(const char* name, bool subscribed = true) {
    model::newsletter out;
    out.name = name;
    out.subscribed = subscribed;
    return out;
}

std::vector<std::string> names(const std::vector<column>& columns) {
    std::vector<std::string> out;
    for (const auto& one : columns) out.push_back(one.name);
    return out;
}

/// Returns the value of a column that must occur exactly once.
std::string value(const std::vector<column>& columns, const std::string& name) {
    const auto is_it = [&](const column& one) { return one.name == name; };
    REQUIRE_MESSAGE(std::count_if(columns.begin(), columns.end(), is_it) == 1, name);
    return std::find_if(columns.begin(), columns.end(), is_it)->value;
}

bool has(const std::vector<column>& columns, const std::string& name) {
    return std::any_of(columns.begin(), columns.end(), [&](const column& one) { return one.name == name; });
}

} // namespace

TEST_CASE("acoustic rows: the main row of a contact with only an address, in the vendor's order") {
    const auto rows = acoustic::to_rows(plain(), {}, usual());
    CHECK(rows.main == std::vector<column>{{"email", "html@example.com"},
                                           {"basket_token", ""},
                                           {"double_opt_in", "0"},
                                           {"sfdc_id", ""},
                                           {"first_name", ""},
                                           {"last_name", ""},
                                           {"mailing_country", ""},
                                           {"email_format", "H"},
                                           {"email_lang", "en"},
                                           {"has_opted_out_of_email", "0"},
                                           {"unsubscribe_reason", ""},
                                           {"email_id", id},
                                           {"create_timestamp", "11/24/2026"},
                                           {"sub_apps_and_hacks", "0"},
                                           {"sub_firefox_news", "0"},
                                           {"sub_hubs", "0"},
                                           {"sub_rally", "0"},
                                           {"sub_mozilla_technology", "0"},
                                           {"relay_waitlist_geo", ""},
                                           {"vpn_waitlist_geo", ""},
                                           {"vpn_waitlist_platform", ""}});
    CHECK(rows.newsletters.empty());
    CHECK(rows.products.empty());
    CHECK(rows.skipped_fields.empty());
    CHECK(rows.newsletters_skipped.empty());
    CHECK_FALSE(rows.fxa_created_date.has_value());
}

TEST_CASE("acoustic rows: add-ons and accounts follow the email, with their prefixes") {
    auto contact = plain();
    contact.amo = model::amo{};
    contact.amo->email_opt_in = true;
    contact.amo->last_login = date(std::chrono::year(2020) / 2 / 9);
    contact.amo->username = "firefox_fan";
    contact.amo->create_timestamp = contact.amo->update_timestamp = at(2020, 1, 2);
    contact.fxa = model::fxa{.fxa_id = "abc",
                             .primary_email = "fxa@example.com",
                             .created_date = "Tue, 29 Mar 2021 18:29:18 GMT",
                             .lang = "en,en-US",
                             .first_service = "sync",
                             .account_deleted = true};
    contact.mofo = model::mofo{.mofo_email_id = "m1", .mofo_contact_id = "m2", .mofo_relevant = true};
    const auto rows = acoustic::to_rows(contact, {}, usual());
    auto between = names(rows.main);
    between.erase(between.begin(), std::find(between.begin(), between.end(), "create_timestamp") + 1);
    between.erase(std::find(between.begin(), between.end(), "sub_apps_and_hacks"), between.end());
    CHECK(between == std::vector<std::string>{"amo_add_on_ids", "amo_display_name", "amo_email_opt_in", "amo_language", "amo_last_login",
                                              "amo_location", "amo_profile_url", "amo_user", "amo_user_id", "amo_username", "fxa_id",
                                              "fxa_primary_email", "fxa_created_date", "fxa_lang", "fxa_first_service",
                                              "fxa_account_deleted"});
    CHECK(value(rows.main, "amo_email_opt_in") == "1");
    CHECK(value(rows.main, "amo_user") == "0");
    CHECK(value(rows.main, "amo_last_login") == "02/09/2020");
    CHECK(value(rows.main, "amo_username") == "firefox_fan");
    CHECK(value(rows.main, "fxa_id") == "abc");
    CHECK(value(rows.main, "fxa_primary_email") == "fxa@example.com");
    CHECK(value(rows.main, "fxa_created_date") == "03/29/2021");
    CHECK(value(rows.main, "fxa_account_deleted") == "1");
    CHECK(rows.skipped_fields.empty());
}

TEST_CASE("acoustic rows: fields that are not configured are not sent but reported, with and without a value") {
    auto configuration = usual();
    for (const auto* gone : {"unsubscribe_reason", "first_name", "fxa_lang", "fxa_primary_email", "amo_user", "email", "email_id"}) {
        configuration.sync_fields["main"].erase(gone);
    }
    auto contact = plain();
    contact.email.first_name = "Jane";
    contact.amo = model::amo{};
    contact.fxa = model::fxa{};
    contact.mofo = model::mofo{.mofo_email_id = "m1", .mofo_contact_id = "m2", .mofo_relevant = true};
    const auto rows = acoustic::to_rows(contact, {}, configuration);
    CHECK(rows.skipped_fields ==
          std::vector<std::string>{"amo.user", "email.first_name", "email.unsubscribe_reason", "fxa.lang", "fxa.primary_email"});
    CHECK_FALSE(has(rows.main, "first_name"));
    CHECK_FALSE(has(rows.main, "amo_user"));
    // The vendor cannot identify a contact without these.
    CHECK(value(rows.main, "email") == "html@example.com");
    CHECK(value(rows.main, "email_id") == id);
}

TEST_CASE("acoustic rows: the create and update timestamps are sent if they are configured") {
    auto configuration = usual();
    configuration.sync_fields["main"].insert({"update_timestamp", "amo_create_timestamp"});
    auto contact = plain();
    contact.amo = model::amo{};
    contact.amo->create_timestamp = at(2020, 1, 2);
    const auto rows = acoustic::to_rows(contact, {}, configuration);
    CHECK(value(rows.main, "update_timestamp") == "11/25/2026");
    CHECK(value(rows.main, "amo_create_timestamp") == "01/02/2020");
}

TEST_CASE("acoustic rows: without a configuration only the address and the id are sent") {
    const auto rows = acoustic::to_rows(plain(), {}, {});
    CHECK(names(rows.main) == std::vector<std::string>{"email", "email_id"});
}

TEST_CASE("acoustic rows: a destination is 1 if any of its newsletters is subscribed") {
    const auto firefox_news = [](std::vector<model::newsletter> newsletters) {
        auto contact = plain();
        contact.newsletters = std::move(newsletters);
        return value(acoustic::to_rows(contact, {}, usual()).main, "sub_firefox_news");
    };
    CHECK(firefox_news({newsletter("hubs")}) == "0");
    CHECK(firefox_news({newsletter("firefox-news"), newsletter("mozilla-and-you", false)}) == "1");
    CHECK(firefox_news({newsletter("firefox-news", false), newsletter("mozilla-and-you")}) == "1");
    CHECK(firefox_news({newsletter("firefox-news", false), newsletter("mozilla-and-you", false)}) == "0");
}

TEST_CASE("acoustic rows: each newsletter with a destination has a row, even if it is unsubscribed") {
    auto contact = plain();
    contact.email.email_format = "T";
    contact.email.email_lang = std::nullopt;
    auto hubs = newsletter("hubs", false);
    hubs.lang = "de"; // the vendor gets the format and language of the contact
    hubs.source = "https://example.com/?a=1&b=2";
    hubs.unsub_reason = "too many";
    hubs.create_timestamp = at(2021, 3, 29, 23h);
    hubs.update_timestamp = at(2022, 12, 1);
    contact.newsletters = {newsletter("unmapped-two"), hubs, newsletter("app-dev"), newsletter("unmapped-one", false)};
    const auto rows = acoustic::to_rows(contact, {}, usual());
    REQUIRE(rows.newsletters.size() == 2);
    CHECK(rows.newsletters[0] == acoustic::relational_row{id,
                                                          "hubs",
                                                          {{"email_id", id},
                                                           {"newsletter_format", "T"},
                                                           {"newsletter_lang", ""},
                                                           {"create_timestamp", "2021-03-29"},
                                                           {"update_timestamp", "2022-12-01"},
                                                           {"newsletter_name", "hubs"},
                                                           {"newsletter_unsub_reason", "too many"},
                                                           {"newsletter_source", "https://example.com/?a=1&b=2"}}});
    CHECK(rows.newsletters[1].key == "app-dev");
    CHECK(rows.newsletters_skipped == std::vector<std::string>{"unmapped-one", "unmapped-two"});
}

TEST_CASE("acoustic rows: each product has a row, in the vendor's order") {
    model::product product;
    product.product_id = "prod_mdn";
    product.price_id = "price_mdn_1";
    product.currency = "usd";
    product.amount = 999;
    product.interval = "month";
    product.interval_count = 1;
    product.status = "trialing";
    product.created = at(2021, 9, 27);
    product.start = at(2021, 9, 27, 1s);
    product.current_period_start = at(2021, 10, 27, 13h + 5min + 9s);
    product.current_period_end = at(2021, 11, 27);
    product.sub_count = 1;
    const auto rows = acoustic::to_rows(plain(), std::vector{product}, usual());
    REQUIRE(rows.products.size() == 1);
    CHECK(rows.products[0].email_id == id);
    CHECK(rows.products[0].key == "prod_mdn");
    CHECK(rows.products[0].columns == std::vector<column>{{"email_id", id},
                                                          {"product_name", ""},
                                                          {"product_id", "prod_mdn"},
                                                          {"price_id", "price_mdn_1"},
                                                          {"segment", "other"},
                                                          {"changed", "09/27/2021 00:00:00"},
                                                          {"sub_count", "1"},
                                                          {"payment_service", "stripe"},
                                                          {"payment_type", ""},
                                                          {"card_brand", ""},
                                                          {"card_last4", ""},
                                                          {"currency", "usd"},
                                                          {"amount", "999"},
                                                          {"billing_country", ""},
                                                          {"status", "trialing"},
                                                          {"interval_count", "1"},
                                                          {"interval", "month"},
                                                          {"created", "09/27/2021 00:00:00"},
                                                          {"start", "09/27/2021 00:00:01"},
                                                          {"current_period_start", "10/27/2021 13:05:09"},
                                                          {"current_period_end", "11/27/2021 00:00:00"},
                                                          {"canceled_at", ""},
                                                          {"cancel_at_period_end", "No"},
                                                          {"ended_at", ""}});
}

TEST_CASE("acoustic rows: unknown values of a product are -1 or empty, and a canceled product has its end time") {
    model::product product;
    product.product_id = "prod";
    product.status = "canceled";
    product.cancel_at_period_end = true;
    product.canceled_at = at(2021, 1, 2, 3s);
    product.ended_at = at(2021, 2, 3, 4s);
    product.sub_count = 2;
    const auto rows = acoustic::to_rows(plain(), std::vector{product}, usual());
    const auto& columns = rows.products.at(0).columns;
    CHECK(value(columns, "amount") == "-1");
    CHECK(value(columns, "interval_count") == "-1");
    CHECK(value(columns, "interval").empty());
    CHECK(value(columns, "segment") == "re-canceled");
    CHECK(value(columns, "changed") == "02/03/2021 00:00:04");
    CHECK(value(columns, "canceled_at") == "01/02/2021 00:00:03");
    CHECK(value(columns, "ended_at") == "02/03/2021 00:00:04");
    CHECK(value(columns, "cancel_at_period_end") == "Yes");
}

TEST_CASE("acoustic rows: the conversion of fxa_created_date is reported for the log") {
    const auto converted = [](model::text text) {
        auto contact = plain();
        contact.fxa = model::fxa{};
        contact.fxa->created_date = std::move(text);
        return acoustic::to_rows(contact, {}, usual());
    };
    const auto good = converted("2021-03-29T18:29:18.123Z");
    REQUIRE(good.fxa_created_date.has_value());
    CHECK(good.fxa_created_date->outcome == "success");
    const auto bad = converted("yesterday");
    REQUIRE(bad.fxa_created_date.has_value());
    CHECK(bad.fxa_created_date->outcome == "failure");
    CHECK(value(bad.main, "fxa_created_date") == "yesterday");
    const auto none = converted(std::nullopt);
    REQUIRE(none.fxa_created_date.has_value());
    CHECK(none.fxa_created_date->outcome == "skipped");
    CHECK(value(none.main, "fxa_created_date").empty());

    auto configuration = usual();
    configuration.sync_fields["main"].erase("fxa_created_date");
    auto contact = plain();
    contact.fxa = model::fxa{};
    contact.fxa->created_date = "2021-03-29";
    CHECK_FALSE(acoustic::to_rows(contact, {}, configuration).fxa_created_date.has_value());
}

TEST_CASE("acoustic rows: fields of waitlists are sent in order of their name") {
    auto configuration = usual();
    configuration.sync_fields["main"].insert({"vpn_waitlist_source", "a_waitlist_humps"});
    auto contact = plain();
    contact.waitlists = {{"a", std::nullopt, R"({"humps": 3})", true},
                         {"vpn", "https://example.com/vpn", R"({"geo": "fr", "platform": "ios,mac"})", true}};
    const auto rows = acoustic::to_rows(contact, {}, configuration);
    const std::vector<column> last(rows.main.end() - 5, rows.main.end());
    CHECK(last == std::vector<column>{{"a_waitlist_humps", "3"},
                                      {"relay_waitlist_geo", ""},
                                      {"vpn_waitlist_geo", "fr"},
                                      {"vpn_waitlist_platform", "ios,mac"},
                                      {"vpn_waitlist_source", "https://example.com/vpn"}});
}
