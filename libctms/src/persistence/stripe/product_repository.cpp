// SPDX-License-Identifier: MPL-2.0
#include "product_repository.hpp"

#include <persistence/postgres/json_rows.hpp>
#include <persistence/postgres/pool.hpp>
#include <persistence/postgres/time_columns.hpp>

#include <fmt/core.h>

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace ctms::persistence {
namespace {

// `subscribed` has a subscription once for each product, even if several of its items are of that product. The order is
// complete, so that the same rows always give the same product: any difference would be sent to the vendor.
// Subscriptions of a deleted customer count too: Stripe ends them, so their status is correct.
constexpr std::string_view select_products = R"(
with subscribed as (
  select distinct on (f.email_id, p.stripe_product_id, s.stripe_id)
    f.email_id, p.stripe_product_id, p.stripe_id as price_id, p.currency, p.unit_amount, p.recurring_interval, p.recurring_interval_count,
    s.stripe_id, s.status, s.stripe_created, s.start_date, s.current_period_start, s.current_period_end, s.canceled_at,
    s.cancel_at_period_end, s.ended_at
  from fxa f
  join stripe_customer c on c.fxa_id = f.fxa_id
  join stripe_subscription s on s.stripe_customer_id = c.stripe_id
  join stripe_subscription_item i on i.stripe_subscription_id = s.stripe_id
  join stripe_price p on p.stripe_id = i.stripe_price_id
  where f.email_id = any (array(select json_array_elements_text($1::json)::uuid))
  order by f.email_id, p.stripe_product_id, s.stripe_id, i.stripe_created desc, i.stripe_id collate "C" desc),
ranked as (
  select *, count(*) over (partition by email_id, stripe_product_id) as sub_count,
    row_number() over (partition by email_id, stripe_product_id
                       order by current_period_end desc, start_date desc, stripe_created desc, stripe_id collate "C" desc) as place
  from subscribed)
select email_id, stripe_product_id, price_id, currency, unit_amount, recurring_interval, recurring_interval_count, status, {}, {}, {}, {},
  {}, cancel_at_period_end, {}, sub_count
from ranked where place = 1 order by email_id, stripe_product_id collate "C")";

std::string products_sql() {
    return fmt::format(select_products, microseconds_sql("stripe_created"), microseconds_sql("start_date"),
                       microseconds_sql("current_period_start"), microseconds_sql("current_period_end"), microseconds_sql("canceled_at"),
                       microseconds_sql("ended_at"));
}

std::optional<std::int32_t> optional_integer(const rows& found, std::size_t row, std::size_t column) {
    return found.is_null(row, column) ? std::nullopt : std::optional(static_cast<std::int32_t>(found.integer(row, column)));
}

model::product read_product(const rows& found, std::size_t row) {
    model::product out;
    std::size_t column = 1;
    out.product_id = found.text(row, column++);
    out.price_id = found.text(row, column++);
    out.currency = found.text(row, column++);
    out.amount = optional_integer(found, row, column++);
    out.interval = found.optional_text(row, column++);
    out.interval_count = optional_integer(found, row, column++);
    out.status = found.text(row, column++);
    out.created = read_time(found, row, column++);
    out.start = read_time(found, row, column++);
    out.current_period_start = read_time(found, row, column++);
    out.current_period_end = read_time(found, row, column++);
    out.canceled_at = read_optional_time(found, row, column++);
    out.cancel_at_period_end = found.boolean(row, column++);
    out.ended_at = read_optional_time(found, row, column++);
    out.sub_count = static_cast<int>(found.integer(row, column));
    return out;
}

} // namespace

result<std::vector<std::vector<model::product>>> product_repository::find(std::span<const uuid> email_ids) {
    static const statement products{"products", products_sql()};
    if (email_ids.empty()) return std::vector<std::vector<model::product>>();
    std::vector<std::string> names;
    for (const auto& id : email_ids) names.push_back(id.to_string());
    return run(db_, [&](connection& db) {
        const auto found = db.query(products, {json_names(names)});
        std::map<std::string_view, std::vector<model::product>> by_contact;
        for (std::size_t row = 0; row < found.size(); ++row) by_contact[found.text(row, 0)].push_back(read_product(found, row));
        std::vector<std::vector<model::product>> out;
        for (const auto& name : names) {
            const auto its = by_contact.find(name);
            out.push_back(its == by_contact.end() ? std::vector<model::product>() : its->second); // copied: an id may be listed twice
        }
        return out;
    });
}

result<std::vector<std::string>> product_repository::all_ids() {
    static const statement ids{"product_ids", "select distinct stripe_product_id from stripe_price order by stripe_product_id"};
    return run(db_, [](connection& db) {
        const auto found = db.query(ids, {});
        std::vector<std::string> out;
        for (std::size_t row = 0; row < found.size(); ++row) out.emplace_back(found.text(row, 0));
        return out;
    });
}

} // namespace ctms::persistence
