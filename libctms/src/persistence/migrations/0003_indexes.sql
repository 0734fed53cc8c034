-- SPDX-License-Identifier: MPL-2.0
-- ctms: outside a transaction
-- Built without holding up writers, which PostgreSQL does only outside a transaction. Dropped first, since
-- an interrupted build leaves an index that is not used. One statement a line.
drop index concurrently if exists ctms_stripe_subscription_customer;
create index concurrently ctms_stripe_subscription_customer on stripe_subscription (stripe_customer_id);
drop index concurrently if exists ctms_stripe_subscription_item_subscription;
create index concurrently ctms_stripe_subscription_item_subscription on stripe_subscription_item (stripe_subscription_id);
drop index concurrently if exists ctms_stripe_invoice_customer;
create index concurrently ctms_stripe_invoice_customer on stripe_invoice (stripe_customer_id);
