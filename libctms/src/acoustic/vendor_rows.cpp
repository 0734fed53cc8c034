// SPDX-License-Identifier: MPL-2.0
#include <ctms/acoustic/vendor_rows.hpp>

#include "vendor_dates.hpp"
#include "waitlist_fields.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>

namespace ctms::acoustic {
namespace {

std::string spelled(const std::string& value) { return value; }
std::string spelled(const model::text& value) { return value.value_or(""); }
std::string spelled(bool value) { return value ? "1" : "0"; }
template <class Time>
std::string spelled_date(const std::optional<Time>& value) {
    return value ? us_date(*value) : std::string();
}
std::string spelled_time(const std::optional<timestamp>& value) { return value ? us_time(*value) : std::string(); }
std::string spelled_number(const std::optional<std::int32_t>& value) { return std::to_string(value.value_or(-1)); }

/// A field of one of the contact's groups: its name in the API, its column at the vendor, and its value.
struct field {
    std::string_view name;
    std::string_view column;
    std::string value;
};

/// Adds the configured fields, and lists the others as skipped, whether or not they have a value.
void add_group(vendor_rows& out, std::string_view group, const std::set<std::string>& configured, std::initializer_list<field> fields) {
    // The vendor identifies a contact by these two, so they are always sent.
    static const std::set<std::string_view> always{"email", "email_id"};
    // Fields that are normally not sent and need no mention in the log.
    static const std::set<std::string_view> unmentioned{"email.update_timestamp", "amo.create_timestamp", "amo.update_timestamp"};
    for (const auto& one : fields) {
        std::string column(one.column);
        if (configured.contains(column) || always.contains(column)) {
            out.main.push_back({std::move(column), one.value});
            continue;
        }
        auto name = std::string(group) + "." + std::string(one.name);
        if (!unmentioned.contains(name)) out.skipped_fields.push_back(std::move(name));
    }
}

void add_email(vendor_rows& out, const model::email& email, const std::set<std::string>& configured) {
    add_group(out, "email", configured,
              {{"primary_email", "email", email.primary_email},
               {"basket_token", "basket_token", spelled(email.basket_token)},
               {"double_opt_in", "double_opt_in", spelled(email.double_opt_in)},
               {"sfdc_id", "sfdc_id", spelled(email.sfdc_id)},
               {"first_name", "first_name", spelled(email.first_name)},
               {"last_name", "last_name", spelled(email.last_name)},
               {"mailing_country", "mailing_country", spelled(email.mailing_country)},
               {"email_format", "email_format", spelled(email.email_format)},
               {"email_lang", "email_lang", spelled(email.email_lang)},
               {"has_opted_out_of_email", "has_opted_out_of_email", spelled(email.has_opted_out_of_email)},
               {"unsubscribe_reason", "unsubscribe_reason", spelled(email.unsubscribe_reason)},
               {"email_id", "email_id", email.email_id.to_string()},
               {"create_timestamp", "create_timestamp", spelled_date(email.create_timestamp)},
               {"update_timestamp", "update_timestamp", spelled_date(email.update_timestamp)}});
}

void add_amo(vendor_rows& out, const model::amo& amo, const std::set<std::string>& configured) {
    add_group(out, "amo", configured,
              {{"add_on_ids", "amo_add_on_ids", spelled(amo.add_on_ids)},
               {"display_name", "amo_display_name", spelled(amo.display_name)},
               {"email_opt_in", "amo_email_opt_in", spelled(amo.email_opt_in)},
               {"language", "amo_language", spelled(amo.language)},
               {"last_login", "amo_last_login", spelled_date(amo.last_login)},
               {"location", "amo_location", spelled(amo.location)},
               {"profile_url", "amo_profile_url", spelled(amo.profile_url)},
               {"user", "amo_user", spelled(amo.user)},
               {"user_id", "amo_user_id", spelled(amo.user_id)},
               {"username", "amo_username", spelled(amo.username)},
               {"create_timestamp", "amo_create_timestamp", spelled_date(amo.create_timestamp)},
               {"update_timestamp", "amo_update_timestamp", spelled_date(amo.update_timestamp)}});
}

/// The text to send; `how` says whether the date was converted.
std::string converted(const model::text& created_date, date_conversion& how) {
    how = {"skipped", std::nullopt};
    if (!created_date) return {};
    const auto day = find_date(*created_date);
    if (day) return how = {"success", std::nullopt}, us_date(*day);
    how = {"failure", "<class 'str'>"}; // as the Python service logged it
    return *created_date;
}

void add_fxa(vendor_rows& out, const model::fxa& fxa, const std::set<std::string>& configured) {
    date_conversion how;
    auto created_date = converted(fxa.created_date, how);
    if (configured.contains("fxa_created_date")) out.fxa_created_date = std::move(how);
    add_group(out, "fxa", configured,
              {{"fxa_id", "fxa_id", spelled(fxa.fxa_id)},
               {"primary_email", "fxa_primary_email", spelled(fxa.primary_email)},
               {"created_date", "fxa_created_date", std::move(created_date)},
               {"lang", "fxa_lang", spelled(fxa.lang)},
               {"first_service", "fxa_first_service", spelled(fxa.first_service)},
               {"account_deleted", "fxa_account_deleted", spelled(fxa.account_deleted)}});
}

using mappings = std::map<std::string, std::string>;

/// Adds one column for each destination, in the order of the first newsletter that is mapped to it.
void add_subscriptions(vendor_rows& out, const std::vector<model::newsletter>& newsletters, const mappings& destinations) {
    std::set<std::string_view> subscribed;
    for (const auto& newsletter : newsletters) {
        const auto mapping = destinations.find(newsletter.name);
        if (newsletter.subscribed && mapping != destinations.end()) subscribed.insert(mapping->second);
    }
    std::set<std::string_view> done;
    for (const auto& [name, destination] : destinations) {
        if (done.insert(destination).second) out.main.push_back({destination, spelled(subscribed.contains(destination))});
    }
}

std::string iso_day(const std::optional<timestamp>& when) {
    return when ? to_iso(date(std::chrono::floor<std::chrono::days>(*when))) : std::string();
}

relational_row newsletter_row(const model::newsletter& newsletter, const model::email& email, const std::string& email_id) {
    return {email_id,
            newsletter.name,
            {{"email_id", email_id},
             {"newsletter_format", email.email_format},
             {"newsletter_lang", spelled(email.email_lang)},
             {"create_timestamp", iso_day(newsletter.create_timestamp)},
             {"update_timestamp", iso_day(newsletter.update_timestamp)},
             {"newsletter_name", newsletter.name},
             {"newsletter_unsub_reason", spelled(newsletter.unsub_reason)},
             {"newsletter_source", spelled(newsletter.source)}}};
}

void add_newsletters(vendor_rows& out, const model::contact& contact, const mappings& destinations) {
    const auto email_id = contact.email.email_id.to_string();
    for (const auto& newsletter : contact.newsletters) {
        if (destinations.contains(newsletter.name)) {
            out.newsletters.push_back(newsletter_row(newsletter, contact.email, email_id));
        } else {
            out.newsletters_skipped.push_back(newsletter.name);
        }
    }
    std::sort(out.newsletters_skipped.begin(), out.newsletters_skipped.end());
}

/// The empty columns exist in the vendor's table, but this service has no data for them.
relational_row product_row(const model::product& product, const std::string& email_id) {
    const auto segment = model::segment_of(product);
    return {email_id,
            product.product_id,
            {{"email_id", email_id},
             {"product_name", ""},
             {"product_id", product.product_id},
             {"price_id", product.price_id},
             {"segment", segment.name},
             {"changed", spelled_time(segment.changed)},
             {"sub_count", std::to_string(product.sub_count)},
             {"payment_service", product.payment_service},
             {"payment_type", ""},
             {"card_brand", ""},
             {"card_last4", ""},
             {"currency", product.currency},
             {"amount", spelled_number(product.amount)},
             {"billing_country", ""},
             {"status", product.status},
             {"interval_count", spelled_number(product.interval_count)},
             {"interval", spelled(product.interval)},
             {"created", us_time(product.created)},
             {"start", us_time(product.start)},
             {"current_period_start", us_time(product.current_period_start)},
             {"current_period_end", us_time(product.current_period_end)},
             {"canceled_at", spelled_time(product.canceled_at)},
             {"cancel_at_period_end", product.cancel_at_period_end ? "Yes" : "No"},
             {"ended_at", spelled_time(product.ended_at)}}};
}

} // namespace

vendor_rows to_rows(const model::contact& contact, std::span<const model::product> products,
                    const model::acoustic_configuration& configuration) {
    static const std::set<std::string> none;
    const auto main_table = configuration.sync_fields.find("main");
    const auto& configured = main_table == configuration.sync_fields.end() ? none : main_table->second;
    vendor_rows out;
    add_email(out, contact.email, configured);
    if (contact.amo) add_amo(out, *contact.amo, configured);
    if (contact.fxa) add_fxa(out, *contact.fxa, configured);
    add_subscriptions(out, contact.newsletters, configuration.newsletter_mappings);
    std::ranges::move(waitlist_fields(contact.waitlists, configured), std::back_inserter(out.main));
    add_newsletters(out, contact, configuration.newsletter_mappings);
    const auto email_id = contact.email.email_id.to_string();
    for (const auto& product : products) out.products.push_back(product_row(product, email_id));
    std::sort(out.skipped_fields.begin(), out.skipped_fields.end());
    return out;
}

} // namespace ctms::acoustic
