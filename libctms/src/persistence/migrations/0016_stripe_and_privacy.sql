-- SPDX-License-Identifier: MPL-2.0
-- Lines of invoices whose price is not stored yet, or that have none. They move to stripe_invoice_line_item with their price, to which that
-- table has a foreign key.
create table ctms_stripe_lines (
    stripe_id varchar(255) not null,
    stripe_invoice_id varchar(255) not null,
    stripe_type varchar(14) not null,
    stripe_price_id varchar(255),
    stripe_invoice_item_id varchar(255),
    stripe_subscription_id varchar(255),
    stripe_subscription_item_id varchar(255),
    amount integer not null,
    currency varchar(3) not null,
    create_timestamp timestamptz not null default now(),
    update_timestamp timestamptz not null default now(),
    constraint ctms_stripe_lines_pkey primary key (stripe_id)
);
create index ctms_stripe_lines_invoice on ctms_stripe_lines (stripe_invoice_id);
create index ctms_stripe_lines_price on ctms_stripe_lines (stripe_price_id);

-- What arrived through Pub/Sub and could not be stored. `object` is "kind:id" of an object, or "message" for a message that could not be
-- read; then `payload` is its whole body. The same payload is one row, however often it is delivered.
create table ctms_stripe_parked (
    id bigint generated always as identity,
    object text not null,
    reason text not null,
    payload bytea not null,
    payload_hash bytea not null,
    deliveries integer not null default 1,
    parked_at timestamptz not null default clock_timestamp(),
    constraint ctms_stripe_parked_pkey primary key (id)
);
create unique index ctms_stripe_parked_payload on ctms_stripe_parked (object, payload_hash);
create index ctms_stripe_parked_age on ctms_stripe_parked (parked_at);
