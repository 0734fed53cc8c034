// SPDX-License-Identifier: MPL-2.0
#include "sync_scene.hpp"

#include <persistence/sync/sync_request_sql.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace ctms::test {

environment sync_environment(const std::string& url, const fake_acoustic& vendor) {
    const fake_acoustic_options standard;
    return {{"CTMS_DB_URL", url},
            {"CTMS_SECRET_KEY", "key"},
            {"HOST", "127.0.0.1"},
            {"CTMS_ACOUSTIC_SYNC_FEATURE_FLAG", "true"},
            {"CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG", "true"},
            {"CTMS_ACOUSTIC_BASE_URL", vendor.url()},
            {"CTMS_ACOUSTIC_CLIENT_ID", standard.client_id},
            {"CTMS_ACOUSTIC_CLIENT_SECRET", standard.client_secret},
            {"CTMS_ACOUSTIC_REFRESH_TOKEN", standard.refresh_token},
            {"CTMS_ACOUSTIC_MAIN_TABLE_ID", standard.main_table_id},
            {"CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID", standard.newsletter_table_id},
            {"CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID", standard.product_table_id}};
}

std::string numbered_id(int n) { return fmt::format("00000000-0000-4000-8000-{:012}", n); }

model::contact numbered_contact(int n) {
    model::contact out;
    out.email.email_id = uuid::parse(numbered_id(n)).value();
    out.email.primary_email = fmt::format("contact{}@example.com", n);
    out.email.first_name = fmt::format("First {}", n);
    for (const auto* name : {"hubs", "app-dev", "without-mapping"}) {
        model::newsletter newsletter;
        newsletter.name = name;
        out.newsletters.push_back(newsletter);
    }
    if (n % 3 == 0) {
        model::fxa account;
        account.fxa_id = fmt::format("fxa_{}", n);
        account.created_date = "2020-01-02T03:04:05.678+00:00";
        out.fxa = account;
    }
    return out;
}

void sync_scene::add_contacts(int first, int last) {
    for (int n = first; n <= last; ++n) {
        if (const auto made = contacts.create(numbered_contact(n)); !made) throw std::runtime_error(made.error().message);
    }
}

void sync_scene::add_product(int n) {
    link.execute(fmt::format(R"(
insert into stripe_customer (stripe_id, stripe_created, fxa_id, deleted, create_timestamp, update_timestamp)
  values ('cus_{0}', now(), 'fxa_{0}', false, now(), now());
insert into stripe_price (stripe_id, stripe_created, stripe_product_id, active, currency, recurring_interval,
    recurring_interval_count, unit_amount, create_timestamp, update_timestamp)
  values ('price_1', now(), 'prod_1', true, 'usd', 'month', 1, 999, now(), now()) on conflict do nothing;
insert into stripe_subscription (stripe_id, stripe_created, stripe_customer_id, cancel_at_period_end, current_period_start,
    current_period_end, start_date, status, create_timestamp, update_timestamp)
  values ('sub_{0}', now(), 'cus_{0}', false, now(), now() + interval '1 month', now(), 'active', now(), now());
insert into stripe_subscription_item (stripe_id, stripe_created, stripe_subscription_id, stripe_price_id, create_timestamp, update_timestamp)
  values ('si_{0}', now(), 'sub_{0}', 'price_1', now(), now());
)",
                             n, numbered_id(n)));
    link.execute(persistence::request_sync_sql(persistence::queue_priority::write,
                                               fmt::format("(select '{}'::uuid as email_id) c", numbered_id(n))));
}

std::string sync_scene::value(const std::string& sql) {
    const auto found = link.execute(sql);
    return found.empty() ? "" : std::string(found.text(0, 0));
}

environment sync_scene::variables(const environment& changed) const {
    auto out = changed;
    out.merge(variables());
    return out;
}

} // namespace ctms::test
