// SPDX-License-Identifier: MPL-2.0
// A person of whom every table has something, for tests of erasures, exports and privacy. Pure text.
#pragma once

#include <string>

namespace ctms::test {

inline constexpr auto person_id = "9c3a4b5e-1f2d-4c6b-8a7e-000000000077";
inline constexpr auto person_address = "Jane.Doe@Example.com";

/// SQL that stores the person, and a neighbour whose rows resemble those of the person.
inline std::string insert_person() {
    return R"(
insert into emails (email_id, primary_email, first_name, update_timestamp) values
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', 'Jane.Doe@Example.com', 'Jane', now()),
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000078', 'jane.doe@example.co', 'Other', now());
insert into fxa (email_id, fxa_id, primary_email, account_deleted, update_timestamp) values
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', 'account_7', 'jane.account@example.com', false, now()),
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000078', 'account_77', null, false, now());
insert into amo (email_id, user_id, update_timestamp) values ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', '7', now());
insert into mofo (email_id, mofo_email_id) values ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', 'mofo_7');
insert into newsletters (email_id, name, subscribed, format, update_timestamp) values
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', 'hubs', true, 'H', now());
insert into waitlists (email_id, name, fields, update_timestamp) values
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077', 'vpn', '{"geo": "fr"}', now());
insert into stripe_customer (stripe_id, stripe_created, deleted, update_timestamp, fxa_id) values
  ('cus_7', now(), false, now(), 'account_7'), ('cus_77', now(), false, now(), 'account_77');
insert into stripe_price (stripe_id, stripe_product_id, stripe_created, active, currency) values ('price_7', 'prod_7', now(), true, 'usd');
insert into stripe_subscription (stripe_id, stripe_customer_id, stripe_created, cancel_at_period_end, current_period_end,
  current_period_start, start_date, status)
  select 'sub_' || n, 'cus_' || n, now(), false, now(), now(), now(), 'active' from unnest('{7,77}'::integer[]) n;
insert into stripe_subscription_item (stripe_id, stripe_subscription_id, stripe_price_id, stripe_created)
  select 'si_' || n, 'sub_' || n, 'price_7', now() from unnest('{7,77}'::integer[]) n;
insert into stripe_invoice (stripe_id, stripe_customer_id, stripe_created, currency, total, status)
  select 'in_' || n, 'cus_' || n, now(), 'usd', 5, 'paid' from unnest('{7,77}'::integer[]) n;
insert into stripe_invoice_line_item (stripe_id, stripe_invoice_id, stripe_type, stripe_price_id, amount, currency)
  select 'il_' || n, 'in_' || n, 'subscription', 'price_7', 5, 'usd' from unnest('{7,77}'::integer[]) n;
insert into ctms_stripe_lines (stripe_id, stripe_invoice_id, stripe_type, amount, currency)
  select 'wait_' || n, 'in_' || n, 'invoiceitem', 5, 'usd' from unnest('{7,77}'::integer[]) n;
insert into ctms_stripe_parked (object, reason, payload, payload_hash)
  select 'subscription:sub_x' || n, 'test', convert_to('{"customer":"cus_' || n || '"}', 'UTF8'), '' from unnest('{7,77}'::integer[]) n;
insert into ctms_history (email_id, what, client, changes)
  select ('9c3a4b5e-1f2d-4c6b-8a7e-0000000000' || n)::uuid, 'updated', 'id_shop', '[{"field":"newsletters.subscribed","name":"hubs"}]'
  from unnest('{77,78}'::integer[]) n;
insert into ctms_kept_answers (digest, client_id, request, size, status, entity_tag, location, body, email_ids)
  select convert_to('key ' || n, 'UTF8'), 'id_shop', 'request', 500, 201, 'tag', '/ctms/9c3a4b5e-1f2d-4c6b-8a7e-0000000000' || n,
    primary_email, array[email_id] from unnest('{77,78}'::integer[]) n
  join emails on email_id = ('9c3a4b5e-1f2d-4c6b-8a7e-0000000000' || n)::uuid;
insert into ctms_sync_skipped (email_id) values
  ('9c3a4b5e-1f2d-4c6b-8a7e-000000000077'), ('9c3a4b5e-1f2d-4c6b-8a7e-000000000078');
)";
}

} // namespace ctms::test
