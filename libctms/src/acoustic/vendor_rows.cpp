// SPDX-License-Identifier: MPL-2.0
#include <ctms/acoustic/vendor_rows.hpp>

#include "vendor_dates.hpp"
#include "waitlist_fields.hpp"
#include <fields/tables.hpp>

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace ctms::acoustic {
namespace {

std::string spelled(const std::string& value) { return value; }
std::string spelled(const model::text& value) { return value.value_or(""); }
std::string spelled(bool value) { return value ? "1" : "0"; }
std::string spelled(const uuid& value) { return value.to_string(); }
template <class Time>
std::string spelled(const std::optional<Time>& value) {
    return value ? us_date(*value) : std::string();
}
std::string spelled_time(const std::optional<timestamp>& value) { return value ? us_time(*value) : std::string(); }
std::string spelled_number(const std::optional<std::int32_t>& value) { return std::to_string(value.value_or(-1)); }

/// The names of a field: at the vendor, and in the log.
struct field_names {
    std::string column;
    std::string logged; ///< "email.first_name"
};

/// The names of the fields of T, in their order.
template <class T>
const std::vector<field_names>& names_of() {
    static const auto names = [] {
        std::vector<field_names> out;
        fields::for_each_field<T>([&](const auto& field, std::uint32_t) {
            out.push_back({fields::vendor_column(field), fmt::format("{}.{}", fields::table<T>::group, field.name)});
        });
        return out;
    }();
    return names;
}

/// Adds the configured fields, and lists the others as skipped, whether or not they have a value.
template <class T>
void add_group(vendor_rows& out, const T& group, const std::set<std::string>& configured) {
    // The vendor identifies a contact by these two, so they are always sent.
    static const std::set<std::string_view> always{"email", "email_id"};
    // Fields that are normally not sent and need no mention in the log.
    static const std::set<std::string_view> unmentioned{"email.update_timestamp", "amo.create_timestamp", "amo.update_timestamp"};
    fields::for_each_field<T>([&](const auto& field, std::uint32_t index) {
        const auto& [column, logged] = names_of<T>()[index];
        if (configured.contains(column) || always.contains(column)) {
            out.main.push_back({column, spelled(group.*(field.member))});
        } else if (!unmentioned.contains(logged)) {
            out.skipped_fields.push_back(logged);
        }
    });
}

/// The text to send; `how` says whether the date was converted.
std::string converted(const model::text& created_date, date_conversion& how) {
    how = {"skipped"};
    if (!created_date) return {};
    const auto day = find_date(*created_date);
    if (day) return how = {"success"}, us_date(*day);
    how = {"failure"};
    return *created_date;
}

void add_fxa(vendor_rows& out, model::fxa fxa, const std::set<std::string>& configured) {
    date_conversion how;
    fxa.created_date = converted(fxa.created_date, how);
    if (configured.contains("fxa_created_date")) out.fxa_created_date = std::move(how);
    add_group(out, fxa, configured);
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
    add_group(out, contact.email, configured);
    if (contact.amo) add_group(out, *contact.amo, configured);
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
