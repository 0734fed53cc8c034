-- SPDX-License-Identifier: MPL-2.0
-- Gives each imported contact a Firefox account and a subscription, so that each has rows in all three of the vendor's tables.
begin;
insert into fxa (email_id, fxa_id, primary_email, created_date, lang, first_service, account_deleted, update_timestamp)
select email_id, md5('fxa' || email_id), 'fxa-' || primary_email, '2020-01-02T03:04:05.678+00:00', 'de,en-US', 'sync', false, now()
from emails where not exists (select from fxa where fxa.email_id = emails.email_id);
insert into stripe_price (stripe_id, stripe_created, stripe_product_id, active, currency, recurring_interval, recurring_interval_count,
                          unit_amount)
values ('price_bench', now(), 'prod_bench', true, 'usd', 'month', 1, 999);
insert into stripe_customer (stripe_id, stripe_created, fxa_id, deleted, update_timestamp)
select 'cus_' || email_id, now(), fxa_id, false, now() from fxa;
insert into stripe_subscription (stripe_id, stripe_created, stripe_customer_id, cancel_at_period_end, current_period_start,
                                 current_period_end, start_date, status)
select 'sub_' || email_id, now(), 'cus_' || email_id, false, now(), now() + interval '1 month', now(), 'active' from fxa;
insert into stripe_subscription_item (stripe_id, stripe_created, stripe_subscription_id, stripe_price_id)
select 'si_' || email_id, now(), 'sub_' || email_id, 'price_bench' from fxa;
delete from ctms_sync_queue;
commit;
vacuum analyze;
checkpoint;
