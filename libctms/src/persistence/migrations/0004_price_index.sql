-- SPDX-License-Identifier: MPL-2.0
-- ctms: outside a transaction
-- Finds the subscriptions of a price that changed. One statement a line.
drop index concurrently if exists ctms_stripe_subscription_item_price;
create index concurrently ctms_stripe_subscription_item_price on stripe_subscription_item (stripe_price_id);
