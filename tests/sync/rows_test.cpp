// SPDX-License-Identifier: MPL-2.0
// The rows of the vendor's tables, written out. Other tests compare the vendor's tables with what the library makes of the contacts, so
// this test says what that is, from the database to the vendor, by calls and by a job.
#include "bulk_fixture.hpp"

using namespace ctms;
using namespace ctms::test;

namespace {

/// The destinations of the newsletters, all "0" but for these.
fake_acoustic::row with_subscriptions(fake_acoustic::row row, const std::set<std::string>& subscribed) {
    for (const std::string name : {"about_mozilla",
                                   "apps_and_hacks",
                                   "common_voice",
                                   "firefox_accounts_journey",
                                   "firefox_news",
                                   "firefox_sweepstakes",
                                   "hubs",
                                   "internet_health_report",
                                   "knowledge_is_power",
                                   "miti",
                                   "mixed_reality",
                                   "mozilla_fellowship_awardee_alumni",
                                   "mozilla_festival",
                                   "mozilla_foundation",
                                   "rally",
                                   "mozilla_technology",
                                   "mozillians_nda",
                                   "security_privacy_news",
                                   "take_action_for_the_internet",
                                   "test_pilot"})
        row["sub_" + name] = subscribed.contains(name) ? "1" : "0";
    return row;
}

/// A contact with nothing but an address.
const auto plain = with_subscriptions({{"email", "user1@example.com"},
                                       {"email_id", "00000000-0000-4000-8000-000000000001"},
                                       {"first_name", "name1"},
                                       {"double_opt_in", "0"},
                                       {"email_format", "H"},
                                       {"email_lang", "en"},
                                       {"has_opted_out_of_email", "0"},
                                       {"create_timestamp", "02/03/2021"}},
                                      {});

/// A contact with a value in each group.
const auto full = with_subscriptions({{"email", "user2@example.com"},
                                      {"email_id", "00000000-0000-4000-8000-000000000002"},
                                      {"basket_token", "c4a7d759-bb52-457b-896b-90f1d3ef8433"},
                                      {"sfdc_id", "001A000023aABcD"},
                                      {"first_name", "J\u00e1ne, \"x\" & <y>"},
                                      {"last_name", "Doe"},
                                      {"mailing_country", "us"},
                                      {"double_opt_in", "1"},
                                      {"email_format", "T"},
                                      {"email_lang", "fr"},
                                      {"has_opted_out_of_email", "1"},
                                      {"unsubscribe_reason", "too many"},
                                      {"create_timestamp", "02/03/2021"},
                                      {"amo_add_on_ids", "1,2"},
                                      {"amo_display_name", "fan"},
                                      {"amo_email_opt_in", "1"},
                                      {"amo_language", "de"},
                                      {"amo_last_login", "02/09/2020"},
                                      {"amo_location", "Berlin"},
                                      {"amo_profile_url", "firefox/user/1"},
                                      {"amo_user", "1"},
                                      {"amo_user_id", "123"},
                                      {"amo_username", "username"},
                                      {"fxa_id", "account2"},
                                      {"fxa_primary_email", "fxa@example.com"},
                                      {"fxa_created_date", "03/29/2021"},
                                      {"fxa_lang", "fr,fr-CA"},
                                      {"fxa_first_service", "sync"},
                                      {"fxa_account_deleted", "0"},
                                      {"relay_waitlist_geo", "de"},
                                      {"vpn_waitlist_geo", "fr"},
                                      {"vpn_waitlist_platform", "ios,mac"}},
                                     {"apps_and_hacks"});

const fake_acoustic::row subscribed{{"email_id", "00000000-0000-4000-8000-000000000002"},
                                    {"newsletter_name", "app-dev"},
                                    {"newsletter_format", "T"},
                                    {"newsletter_lang", "fr"},
                                    {"newsletter_source", "https://example.com/?a=1&b=2"},
                                    {"newsletter_unsub_reason", ""},
                                    {"create_timestamp", "2021-03-04"},
                                    {"update_timestamp", "2022-12-01"}};

const fake_acoustic::row unsubscribed{{"email_id", "00000000-0000-4000-8000-000000000002"},
                                      {"newsletter_name", "hubs"},
                                      {"newsletter_format", "T"},
                                      {"newsletter_lang", "fr"},
                                      {"newsletter_source", ""},
                                      {"newsletter_unsub_reason", "no time"},
                                      {"create_timestamp", "2021-03-04"},
                                      {"update_timestamp", "2022-12-01"}};

const fake_acoustic::row product{{"email_id", "00000000-0000-4000-8000-000000000002"},
                                 {"product_name", ""},
                                 {"product_id", "prod_a"},
                                 {"price_id", "price_prod_a"},
                                 {"segment", "active"},
                                 {"changed", "01/01/1970 00:01:40"},
                                 {"sub_count", "1"},
                                 {"payment_service", "stripe"},
                                 {"payment_type", ""},
                                 {"card_brand", ""},
                                 {"card_last4", ""},
                                 {"currency", "usd"},
                                 {"amount", "999"},
                                 {"billing_country", ""},
                                 {"status", "active"},
                                 {"interval_count", "1"},
                                 {"interval", "month"},
                                 {"created", "01/01/1970 00:01:40"},
                                 {"start", "01/01/1970 00:01:40"},
                                 {"current_period_start", "01/01/1970 00:01:42"},
                                 {"current_period_end", "11/14/2023 22:13:20"},
                                 {"canceled_at", ""},
                                 {"cancel_at_period_end", "No"},
                                 {"ended_at", ""}};

void fill(model::contact& one) {
    one.email.basket_token = "c4a7d759-bb52-457b-896b-90f1d3ef8433";
    one.email.sfdc_id = "001A000023aABcD";
    one.email.first_name = "J\u00e1ne, \"x\" & <y>";
    one.email.last_name = "Doe";
    one.email.mailing_country = "us";
    one.email.double_opt_in = true;
    one.email.email_format = "T";
    one.email.email_lang = "fr";
    one.email.has_opted_out_of_email = true;
    one.email.unsubscribe_reason = "too many";
    one.amo = model::amo{.add_on_ids = "1,2",
                         .display_name = "fan",
                         .email_opt_in = true,
                         .language = "de",
                         .last_login = date(std::chrono::year(2020) / 2 / 9),
                         .location = "Berlin",
                         .profile_url = "firefox/user/1",
                         .user = true,
                         .user_id = "123",
                         .username = "username"};
    one.fxa->primary_email = "fxa@example.com";
    one.fxa->created_date = "2021-03-29T18:29:18.123Z";
    one.fxa->lang = "fr,fr-CA";
    one.fxa->first_service = "sync";
    one.mofo = model::mofo{.mofo_email_id = "m1", .mofo_contact_id = "m2", .mofo_relevant = true};
    one.newsletters = {{.name = "app-dev", .lang = "de", .source = "https://example.com/?a=1&b=2"},
                       {.name = "hubs", .subscribed = false, .unsub_reason = "no time"},
                       {.name = "not-for-the-vendor"}};
    one.waitlists = {{.name = "relay", .fields = R"({"geo":"de"})"}, {.name = "vpn", .fields = R"({"geo":"fr","platform":"ios,mac"})"}};
}

/// The columns with a value: a job also sends empty ones for groups that a contact does not have.
fake_acoustic::row without_empty(fake_acoustic::row row) {
    std::erase_if(row, [](const auto& column) { return column.second.empty(); });
    return row;
}

} // namespace

TEST_CASE_FIXTURE(bulk_fixture, "sync: the vendor's rows of a plain contact and of one with everything") {
    add(1, 2, {});
    pay(2, {"prod_a"});
    change(2, fill);
    link.execute("update emails set create_timestamp = '2021-02-03 23:59:59Z';"
                 "update newsletters set create_timestamp = '2021-03-04 23:59:59Z', update_timestamp = '2022-12-01'");
    request(1, 2);
    SUBCASE("by calls") {}
    SUBCASE("by a job, except for the newsletters and products") {
        jobs.threshold = 1;
        link.execute("update ctms_sync_queue set priority = 10");
        start();
        REQUIRE(ends());
        REQUIRE(ended().front().imported == 2);
    }
    REQUIRE(run_until_idle());
    const auto contacts = vendor.contacts();
    REQUIRE(contacts.size() == 2);
    CHECK(without_empty(contacts.at(id(1))) == plain);
    CHECK(without_empty(contacts.at(id(2))) == full);
    CHECK(vendor.newsletters() == fake_acoustic::relational{{{id(2), "app-dev"}, subscribed}, {{id(2), "hubs"}, unsubscribed}});
    CHECK(vendor.products() == fake_acoustic::relational{{{id(2), "prod_a"}, product}});
    CHECK(difference().empty());
}
