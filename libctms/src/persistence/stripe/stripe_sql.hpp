// SPDX-License-Identifier: MPL-2.0
// The statements that write Stripe objects. They take rows as JSON and times as Unix seconds. Each returned row is an id and
// whether the object is new. Private to this layer.
#pragma once

#include <persistence/postgres/connection.hpp>

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace ctms::persistence::stripe_sql {

inline const statement lock_objects{"stripe_lock", "select pg_advisory_xact_lock(key) from (select hashtextextended(name, 0) as key"
                                                   " from json_array_elements_text($1::json) as name order by 1) as keys"};

inline const statement upsert_prices{"stripe_prices", R"(
insert into stripe_price as stored (stripe_id, stripe_product_id, stripe_created, active, currency, recurring_interval,
                                    recurring_interval_count, unit_amount, create_timestamp, update_timestamp)
select r.id, r.product, to_timestamp(r.created), r.active, r.currency, r.recurring_interval, r.interval_count, r.unit_amount, now(), now()
from json_to_recordset($1::json) as r(id text, product text, created bigint, active boolean, currency text, recurring_interval text,
                                      interval_count integer, unit_amount integer)
order by r.id
on conflict (stripe_id) do update set
  stripe_product_id = excluded.stripe_product_id, stripe_created = excluded.stripe_created, active = excluded.active,
  currency = excluded.currency, recurring_interval = excluded.recurring_interval,
  recurring_interval_count = excluded.recurring_interval_count, unit_amount = excluded.unit_amount, update_timestamp = now()
where (stored.stripe_product_id, stored.stripe_created, stored.active, stored.currency, stored.recurring_interval,
       stored.recurring_interval_count, stored.unit_amount) is distinct from
      (excluded.stripe_product_id, excluded.stripe_created, excluded.active, excluded.currency, excluded.recurring_interval,
       excluded.recurring_interval_count, excluded.unit_amount)
returning stripe_id, xmax = 0)"};

inline const statement known_prices{
    "stripe_known_prices", "select stripe_id from stripe_price where stripe_id = any (array(select json_array_elements_text($1::json)))"};

inline const statement customer_account{"stripe_customer_account", "select fxa_id, deleted from stripe_customer where stripe_id = $1"};

inline const statement delete_other_customer{"stripe_customer_displace",
                                             "delete from stripe_customer where fxa_id = $2 and stripe_id <> $1 returning stripe_id"};

inline const statement upsert_customer{"stripe_customer", R"(
insert into stripe_customer as stored (stripe_id, stripe_created, fxa_id, default_source_id, invoice_settings_default_payment_method_id,
                                       deleted, create_timestamp, update_timestamp)
values ($1, to_timestamp($2::bigint), $3, $4, $5, false, now(), now())
on conflict (stripe_id) do update set
  stripe_created = excluded.stripe_created, fxa_id = excluded.fxa_id, default_source_id = excluded.default_source_id,
  invoice_settings_default_payment_method_id = excluded.invoice_settings_default_payment_method_id, deleted = false,
  update_timestamp = now()
where (stored.stripe_created, stored.fxa_id, stored.default_source_id, stored.invoice_settings_default_payment_method_id,
       stored.deleted) is distinct from
      (excluded.stripe_created, excluded.fxa_id, excluded.default_source_id, excluded.invoice_settings_default_payment_method_id, false)
returning stripe_id, xmax = 0)"};

inline const statement mark_customer_deleted{
    "stripe_customer_deleted",
    "update stripe_customer set deleted = true, update_timestamp = now() where stripe_id = $1 and not deleted returning stripe_id, false"};

inline const statement subscription_customer{"stripe_subscription_customer",
                                             "select stripe_customer_id from stripe_subscription where stripe_id = $1"};

// With the ids of the items, as JSON.
inline const statement stored_subscription{"stripe_subscription_stored", R"(
select stripe_customer_id, status, extract(epoch from current_period_start)::bigint,
  array(select stripe_id from stripe_subscription_item where stripe_subscription_id = $1)::text[] = array[$2::text]
from stripe_subscription where stripe_id = $1)"};

inline const statement stored_invoice{"stripe_invoice_stored", "select status from stripe_invoice where stripe_id = $1"};

inline const statement upsert_subscription{"stripe_subscription", R"(
insert into stripe_subscription as stored (stripe_id, stripe_customer_id, default_payment_method_id, default_source_id, stripe_created,
  cancel_at_period_end, canceled_at, current_period_end, current_period_start, ended_at, start_date, status, create_timestamp,
  update_timestamp)
values ($1, $2, $3, $4, to_timestamp($5::bigint), $6::boolean, to_timestamp($7::bigint), to_timestamp($8::bigint),
        to_timestamp($9::bigint), to_timestamp($10::bigint), to_timestamp($11::bigint), $12, now(), now())
on conflict (stripe_id) do update set
  stripe_customer_id = excluded.stripe_customer_id, default_payment_method_id = excluded.default_payment_method_id,
  default_source_id = excluded.default_source_id, stripe_created = excluded.stripe_created,
  cancel_at_period_end = excluded.cancel_at_period_end, canceled_at = excluded.canceled_at,
  current_period_end = excluded.current_period_end, current_period_start = excluded.current_period_start,
  ended_at = excluded.ended_at, start_date = excluded.start_date, status = excluded.status, update_timestamp = now()
where (stored.stripe_customer_id, stored.default_payment_method_id, stored.default_source_id, stored.stripe_created,
       stored.cancel_at_period_end, stored.canceled_at, stored.current_period_end, stored.current_period_start, stored.ended_at,
       stored.start_date, stored.status) is distinct from
      (excluded.stripe_customer_id, excluded.default_payment_method_id, excluded.default_source_id, excluded.stripe_created,
       excluded.cancel_at_period_end, excluded.canceled_at, excluded.current_period_end, excluded.current_period_start,
       excluded.ended_at, excluded.start_date, excluded.status)
returning stripe_id, xmax = 0)"};

inline const statement upsert_items{"stripe_items", R"(
insert into stripe_subscription_item as stored (stripe_id, stripe_subscription_id, stripe_price_id, stripe_created, create_timestamp,
                                                update_timestamp)
select r.id, r.subscription, r.price, to_timestamp(r.created), now(), now()
from json_to_recordset($1::json) as r(id text, subscription text, price text, created bigint)
order by r.id
on conflict (stripe_id) do update set
  stripe_subscription_id = excluded.stripe_subscription_id, stripe_price_id = excluded.stripe_price_id,
  stripe_created = excluded.stripe_created, update_timestamp = now()
where (stored.stripe_subscription_id, stored.stripe_price_id, stored.stripe_created) is distinct from
      (excluded.stripe_subscription_id, excluded.stripe_price_id, excluded.stripe_created)
returning stripe_id, xmax = 0)"};

inline const statement delete_other_items{"stripe_items_gone",
                                          "delete from stripe_subscription_item where stripe_subscription_id = $1"
                                          " and stripe_id not in (select json_array_elements_text($2::json)) returning stripe_id"};

inline const statement upsert_invoice{"stripe_invoice", R"(
insert into stripe_invoice as stored (stripe_id, stripe_customer_id, default_payment_method_id, default_source_id, stripe_created, currency,
                                      total, status, create_timestamp, update_timestamp)
values ($1, $2, $3, $4, to_timestamp($5::bigint), $6, $7::integer, $8, now(), now())
on conflict (stripe_id) do update set
  stripe_customer_id = excluded.stripe_customer_id, default_payment_method_id = excluded.default_payment_method_id,
  default_source_id = excluded.default_source_id, stripe_created = excluded.stripe_created, currency = excluded.currency,
  total = excluded.total, status = excluded.status, update_timestamp = now()
where (stored.stripe_customer_id, stored.default_payment_method_id, stored.default_source_id, stored.stripe_created, stored.currency,
       stored.total, stored.status) is distinct from
      (excluded.stripe_customer_id, excluded.default_payment_method_id, excluded.default_source_id, excluded.stripe_created,
       excluded.currency, excluded.total, excluded.status)
returning stripe_id, xmax = 0)"};

/// Stores the lines of an invoice ($2) in a table of lines. Changes only those that differ.
inline std::string upsert_lines_sql(std::string_view table) {
    return fmt::format(R"(
insert into {} as stored (stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, stripe_invoice_item_id,
  stripe_subscription_id, stripe_subscription_item_id, amount, currency, create_timestamp, update_timestamp)
select r.id, $2, r.type, r.price, r.invoice_item, r.subscription, r.subscription_item, r.amount, r.currency, now(), now()
from json_to_recordset($1::json) as r(id text, type text, price text, invoice_item text, subscription text, subscription_item text,
                                      amount integer, currency text)
order by r.id
on conflict (stripe_id) do update set
  stripe_invoice_id = excluded.stripe_invoice_id, stripe_type = excluded.stripe_type, stripe_price_id = excluded.stripe_price_id,
  stripe_invoice_item_id = excluded.stripe_invoice_item_id, stripe_subscription_id = excluded.stripe_subscription_id,
  stripe_subscription_item_id = excluded.stripe_subscription_item_id, amount = excluded.amount, currency = excluded.currency,
  update_timestamp = now()
where (stored.stripe_invoice_id, stored.stripe_type, stored.stripe_price_id, stored.stripe_invoice_item_id, stored.stripe_subscription_id,
       stored.stripe_subscription_item_id, stored.amount, stored.currency) is distinct from
      (excluded.stripe_invoice_id, excluded.stripe_type, excluded.stripe_price_id, excluded.stripe_invoice_item_id,
       excluded.stripe_subscription_id, excluded.stripe_subscription_item_id, excluded.amount, excluded.currency)
returning stripe_id, xmax = 0)",
                       table);
}

inline const statement upsert_lines{"stripe_lines", upsert_lines_sql("stripe_invoice_line_item")};

inline const statement delete_other_lines{"stripe_lines_gone", "delete from stripe_invoice_line_item where stripe_invoice_id = $1"
                                                               " and stripe_id not in (select json_array_elements_text($2::json))"
                                                               " returning stripe_id"};

// Lines whose price is not stored, or that have none, wait in a table of our own: the table of lines has a foreign key to the prices.
inline const statement upsert_waiting_lines{"stripe_waiting_lines", upsert_lines_sql("ctms_stripe_lines")};

inline const statement delete_other_waiting_lines{"stripe_waiting_lines_gone",
                                                  "delete from ctms_stripe_lines where stripe_invoice_id = $1"
                                                  " and stripe_id not in (select json_array_elements_text($2::json)) returning stripe_id"};

inline const statement forget_waiting_lines{"stripe_waiting_lines_forget", "delete from ctms_stripe_lines where stripe_id = any"
                                                                           " (array(select json_array_elements_text($1::json)))"};
inline const statement forget_lines{"stripe_lines_forget", "delete from stripe_invoice_line_item where stripe_id = any"
                                                           " (array(select json_array_elements_text($1::json)))"};

// Records in the history of the contacts of `moved` to which invoices lines were added, in the form of json::changed_fields().
inline constexpr std::string_view record_moved_lines = R"(,
h as (
  insert into ctms_history (email_id, what, client, changes)
  select f.email_id, 'updated', 'stripe', ('[' || string_agg('{"field":"stripe.invoice","name":' || to_json(v.stripe_id)::text || '}', ','
      order by v.stripe_id) || ']')::json
  from (select distinct stripe_invoice_id from moved) as changed join stripe_invoice v on v.stripe_id = changed.stripe_invoice_id
    join stripe_customer c on c.stripe_id = v.stripe_customer_id join fxa f on f.fxa_id = c.fxa_id
  group by f.email_id))";

/// Stores the waiting lines that the condition selects. Returns a row for each.
inline std::string move_lines_sql(std::string_view which, bool keeps_history) {
    return fmt::format(R"(
with ready as (
  delete from ctms_stripe_lines where {} returning *),
moved as (insert into stripe_invoice_line_item (stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, stripe_invoice_item_id,
  stripe_subscription_id, stripe_subscription_item_id, amount, currency, create_timestamp, update_timestamp)
select stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, stripe_invoice_item_id, stripe_subscription_id,
  stripe_subscription_item_id, amount, currency, now(), now()
from ready order by stripe_id
on conflict (stripe_id) do nothing returning stripe_invoice_id){}
select 1 from ready)",
                       which, keeps_history ? record_moved_lines : std::string_view());
}

// Stores the lines that waited for prices ($1).
inline const statement& move_waiting_lines(bool keeps_history) {
    constexpr std::string_view which = "stripe_price_id = any (array(select json_array_elements_text($1::json)))";
    static const statement made{"stripe_waiting_lines_moved", move_lines_sql(which, false)};
    static const statement recorded{"stripe_waiting_lines_moved_recorded", move_lines_sql(which, true)};
    return keeps_history ? recorded : made;
}

// Stores at most $1 of the lines whose price is stored by now, whoever stored it. Skips lines that other transactions hold.
inline const statement& move_ready_lines(bool keeps_history) {
    constexpr std::string_view which = R"(stripe_id = any (array(
    select line.stripe_id from ctms_stripe_lines line where exists (select from stripe_price price where price.stripe_id = line.stripe_price_id)
    limit $1::integer for update of line skip locked)))";
    static const statement made{"stripe_ready_lines_moved", move_lines_sql(which, false)};
    static const statement recorded{"stripe_ready_lines_moved_recorded", move_lines_sql(which, true)};
    return keeps_history ? recorded : made;
}

// Queues the contacts of Firefox accounts ($1), of customers ($2), and of all customers with a subscription at given prices ($3), with the
// priorities $4 and, if a price alone concerns them, $5. A price may concern everybody: these contacts must not be sent before the writes
// of others. Uses arrays because the planner estimates a set-returning function at 100 rows and would then read small tables whole.
inline constexpr std::string_view schedule_contacts = R"(
with accounts as (
  select json_array_elements_text($1::json) as fxa_id
  union select fxa_id from stripe_customer where stripe_id = any (array(select json_array_elements_text($2::json)))),
payers as (
  select c.fxa_id
    from stripe_subscription_item i
    join stripe_subscription s on s.stripe_id = i.stripe_subscription_id
    join stripe_customer c on c.stripe_id = s.stripe_customer_id
    where i.stripe_price_id = any (array(select json_array_elements_text($3::json)))),
contacts as (
  select email_id, case when fxa_id = any (array(select fxa_id from accounts)) then $4::smallint else $5::smallint end as priority
  from fxa where fxa_id = any (array(select fxa_id from accounts union select fxa_id from payers))),
q as ({})
select count(*) from contacts)";

// Records in the history of the contacts of Firefox accounts ($1) and customers ($2) which objects changed ($3, in the form of
// json::changed_fields()).
inline const statement record_objects{"stripe_record", R"(
with accounts as (
  select json_array_elements_text($1::json) as fxa_id
  union select fxa_id from stripe_customer where stripe_id = any (array(select json_array_elements_text($2::json))))
insert into ctms_history (email_id, what, client, changes)
select email_id, 'updated', 'stripe', $3::json from fxa where fxa_id = any (array(select fxa_id from accounts)))"};

} // namespace ctms::persistence::stripe_sql
