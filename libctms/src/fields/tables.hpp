// SPDX-License-Identifier: MPL-2.0
// The fields of every resource of the API, in output order: the only place that defines their names, limits and meanings,
// with an example for the API's document. The model's structs define the defaults. Limits follow the API's
// contract if it has one, otherwise the width of the database's column.
#pragma once

#include "field.hpp"

#include <ctms/model/contact.hpp>

#include <array>

namespace ctms::fields {

inline constexpr std::array<std::string_view, 4> email_formats{"H", "T", "N", ""};
inline constexpr std::array<std::string_view, 2> newsletter_formats{"H", "T"};

template <>
struct table<model::email> {
    static constexpr std::string_view group = "email";
    static constexpr std::string_view prefix = "";
    static constexpr auto fields = std::tuple{
        field{"primary_email",
              &model::email::primary_email,
              {.max = 255, .required = true, .example = "jane@example.com", .vendor = "email"},
              "The address; unique and case sensitive"},
        field{"basket_token",
              &model::email::basket_token,
              {.as = format::uuid, .example = "5b8d2f0e-9c3a-4f61-8e27-d14a6c0b7f93"},
              "Token that identifies the contact in Basket; unique"},
        field{"double_opt_in", &model::email::double_opt_in, {}, "The owner confirmed a subscription by email"},
        field{"sfdc_id", &model::email::sfdc_id, {.max = 255, .example = "0033x00001AbCdE"}, "Id in the former CRM"},
        field{"first_name", &model::email::first_name, {.max = 255, .example = "Jane"}, "First name, as the owner writes it"},
        field{"last_name", &model::email::last_name, {.max = 255, .example = "Doe"}, "Last name, as the owner writes it"},
        field{"mailing_country", &model::email::mailing_country, {.max = 255, .example = "de"}, "Country, usually two letters"},
        field{"email_format",
              &model::email::email_format,
              {.as = format::choice, .choices = email_formats},
              "H for HTML, T for text, N or empty if none was chosen"},
        field{"email_lang", &model::email::email_lang, {.max = 5, .is_language = true}, "Language of emails, usually two letters"},
        field{"has_opted_out_of_email", &model::email::has_opted_out_of_email, {}, "Wants no email at all"},
        field{"unsubscribe_reason",
              &model::email::unsubscribe_reason,
              {.example = "Too many mails"},
              "Why the owner unsubscribed, in their own words"},
        field{"email_id",
              &model::email::email_id,
              {.example = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"},
              "Id of the contact, a version 4 UUID; assigned if none is sent"},
        field{"create_timestamp",
              &model::email::create_timestamp,
              {.output_only = true, .example = "2024-05-17T08:30:12.345678+00:00"},
              "When the contact was created"},
        field{"update_timestamp",
              &model::email::update_timestamp,
              {.output_only = true, .example = "2024-06-02T19:04:51.000123+00:00"},
              "When the contact was last changed"},
    };
};

template <>
struct table<model::amo> {
    static constexpr std::string_view group = "amo";
    static constexpr std::string_view prefix = "amo_";
    static constexpr auto fields = std::tuple{
        field{"add_on_ids",
              &model::amo::add_on_ids,
              {.max = 500, .example = "tab-garden,quick-notes"},
              "Ids of the author's add-ons, separated by commas"},
        field{"display_name", &model::amo::display_name, {.max = 255, .example = "Jane Writes Add-ons"}, "Name shown beside add-ons"},
        field{"email_opt_in", &model::amo::email_opt_in, {}, "Wants email about add-ons"},
        field{"language", &model::amo::language, {.max = 5, .is_language = true, .example = "de"}, "Language of the account"},
        field{"last_login", &model::amo::last_login, {.example = "2024-05-30"}, "Day of the last login"},
        field{"location", &model::amo::location, {.max = 255, .example = "Bremen"}, "Location that the author entered"},
        field{"profile_url", &model::amo::profile_url, {.max = 40, .example = "jane-writes"}, "Last part of the profile's URL"},
        field{"user", &model::amo::user, {.sql_keyword = true}, "Has an account"},
        field{"user_id", &model::amo::user_id, {.max = 40, .example = "4711"}, "Id of the account"},
        field{"username", &model::amo::username, {.max = 100, .example = "jane_writes"}, "Name of the account"},
        field{"create_timestamp",
              &model::amo::create_timestamp,
              {.output_only = true, .example = "2024-05-17T08:30:12.345678+00:00"},
              "When this group was first stored"},
        field{"update_timestamp",
              &model::amo::update_timestamp,
              {.output_only = true, .example = "2024-06-02T19:04:51.000123+00:00"},
              "When this group was last written"},
    };
};

template <>
struct table<model::fxa> {
    static constexpr std::string_view group = "fxa";
    static constexpr std::string_view prefix = "fxa_";
    static constexpr auto fields = std::tuple{
        field{"fxa_id", &model::fxa::fxa_id, {.max = 50, .example = "8d1c2b3a4f5e60718293a4b5c6d7e8f9"}, "Id of the account; unique"},
        field{"primary_email", &model::fxa::primary_email, {.max = 255, .example = "jane.account@example.com"}, "Address of the account"},
        field{"created_date",
              &model::fxa::created_date,
              {.max = 50, .example = "2023-11-04T07:15:00Z"},
              "When the account was created, as the accounts server wrote it"},
        field{"lang",
              &model::fxa::lang,
              {.max = 255, .is_language = true, .example = "de,en-US"},
              "Languages of the account, as an Accept-Language header"},
        field{"first_service", &model::fxa::first_service, {.max = 50, .example = "sync"}, "First service the account was used for"},
        field{"account_deleted", &model::fxa::account_deleted, {}, "The account was deleted"},
    };
};

template <>
struct table<model::mofo> {
    static constexpr std::string_view group = "mofo";
    static constexpr std::string_view prefix = "mofo_";
    static constexpr auto fields = std::tuple{
        field{"mofo_email_id",
              &model::mofo::mofo_email_id,
              {.max = 255, .example = "c27d9e14-0b6f-4a8a-b3d5-7e91f2604c8d"},
              "Id of the address at the foundation; unique"},
        field{"mofo_contact_id",
              &model::mofo::mofo_contact_id,
              {.max = 255, .example = "91e3b7f0-64d2-4f0b-8a1c-2d5f7c8e9a06"},
              "Id of the person at the foundation"},
        field{"mofo_relevant", &model::mofo::mofo_relevant, {}, "The foundation works with this contact"},
    };
};

template <>
struct table<model::newsletter> {
    static constexpr std::string_view group = "newsletters";
    static constexpr auto fields = std::tuple{
        field{"name", &model::newsletter::name, {.max = 255, .required = true, .example = "firefox-tips"}, "Slug of the newsletter"},
        field{"subscribed", &model::newsletter::subscribed, {}, "Whether the contact receives it"},
        field{"format", &model::newsletter::format, {.as = format::choice, .choices = newsletter_formats}, "H for HTML, T for text"},
        field{"lang", &model::newsletter::lang, {.max = 5, .min = 2, .is_language = true}, "Language of this newsletter"},
        field{"source",
              &model::newsletter::source,
              {.as = format::url, .example = "https://www.example.com/newsletters"},
              "Page where the contact subscribed"},
        field{"unsub_reason",
              &model::newsletter::unsub_reason,
              {.example = "No time to read it"},
              "Why the contact unsubscribed from this newsletter"},
    };
};

template <>
struct table<model::waitlist> {
    static constexpr std::string_view group = "waitlists";
    static constexpr auto fields = std::tuple{
        field{"name", &model::waitlist::name, {.max = 255, .min = 1, .required = true, .example = "vpn"}, "Name of the waitlist"},
        field{"source",
              &model::waitlist::source,
              {.as = format::url, .example = "https://www.example.com/vpn/invite"},
              "Page where the contact joined"},
        field{"fields",
              &model::waitlist::fields,
              {.as = format::object, .example = R"({"geo":"fr","platform":"ios,android"})"},
              "Data that this waitlist requires to join"},
        field{"subscribed", &model::waitlist::subscribed, {.input_only = true}, "false to leave the waitlist"},
    };
};

template <>
struct table<model::vpn_waitlist> {
    static constexpr auto fields = std::tuple{
        field{"geo", &model::vpn_waitlist::geo, {.max = 100, .example = "fr"}, "Country where the VPN is awaited"},
        field{"platform",
              &model::vpn_waitlist::platform,
              {.max = 100, .example = "ios,android"},
              "Platforms for which the VPN is awaited, separated by commas"},
    };
};

template <>
struct table<model::relay_waitlist> {
    static constexpr auto fields = std::tuple{
        field{"geo", &model::relay_waitlist::geo, {.max = 100, .example = "fr"}, "Country where Relay is awaited"},
    };
};

template <>
struct table<model::identity> {
    static constexpr auto fields = std::tuple{
        field{"email_id", &model::identity::email_id, {.example = "3f0c7e6a-2b1d-4c58-9a47-60e5d1f28b93"}, "Id of the contact"},
        field{"primary_email", &model::identity::primary_email, {.example = "jane@example.com"}, "The address, regardless of case"},
        field{"basket_token",
              &model::identity::basket_token,
              {.as = format::uuid, .example = "5b8d2f0e-9c3a-4f61-8e27-d14a6c0b7f93"},
              "Basket's token"},
        field{"sfdc_id", &model::identity::sfdc_id, {.example = "0033x00001AbCdE"}, "Id in the former CRM"},
        field{"mofo_contact_id",
              &model::identity::mofo_contact_id,
              {.example = "91e3b7f0-64d2-4f0b-8a1c-2d5f7c8e9a06"},
              "Id of the person at the foundation"},
        field{"mofo_email_id",
              &model::identity::mofo_email_id,
              {.example = "c27d9e14-0b6f-4a8a-b3d5-7e91f2604c8d"},
              "Id of the address at the foundation"},
        field{"amo_user_id", &model::identity::amo_user_id, {.example = "4711"}, "Id of the account at addons.mozilla.org"},
        field{"fxa_id", &model::identity::fxa_id, {.example = "8d1c2b3a4f5e60718293a4b5c6d7e8f9"}, "Id of the Firefox account"},
        field{"fxa_primary_email",
              &model::identity::fxa_primary_email,
              {.example = "jane.account@example.com"},
              "Address of the Firefox account, regardless of case"},
    };
    /// The member of a lookup for each of these fields, in the same order.
    static constexpr auto lookup =
        std::tuple{&model::identity_query::email_id,    &model::identity_query::primary_email,   &model::identity_query::basket_token,
                   &model::identity_query::sfdc_id,     &model::identity_query::mofo_contact_id, &model::identity_query::mofo_email_id,
                   &model::identity_query::amo_user_id, &model::identity_query::fxa_id,          &model::identity_query::fxa_primary_email};
};

/// Calls `visit(name, member)` with the name and the value of each id of a lookup, in order.
template <class Query, class Visit>
constexpr void for_each_id(Query& query, Visit&& visit) {
    using ids = table<model::identity>;
    static_assert(std::tuple_size_v<decltype(ids::fields)> == std::tuple_size_v<decltype(ids::lookup)>);
    std::apply(
        [&](const auto&... fields) { std::apply([&](const auto&... members) { (visit(fields.name, query.*members), ...); }, ids::lookup); },
        ids::fields);
}

} // namespace ctms::fields
