-- SPDX-License-Identifier: MPL-2.0
-- What several workers of the sync need: who claimed a row, when it was last tried; what the vendor holds of each contact,
-- so that rows that are gone here are deleted there; and the calls that may be under way at the vendor at one time.

-- ctms: replaces 59a7b0587cfda8fff9689eee7faa656dabe9a71820450dbc698ba0d8d18c81a1

alter table ctms_sync_queue
    add column claimed_by uuid,
    add column last_attempt_at timestamptz;

create table ctms_vendor_state (
    email_id uuid not null,
    main_hash text not null default '',
    newsletter_hash text not null default '',
    product_hash text not null default '',
    newsletters text[] not null default '{}',
    products text[] not null default '{}',
    sent_at timestamptz not null default now(),
    constraint ctms_vendor_state_pkey primary key (email_id)
);

create table ctms_vendor_slots (
    slot smallint not null,
    holder uuid,
    expires_at timestamptz not null default '-infinity',
    constraint ctms_vendor_slots_pkey primary key (slot)
);

-- Rows that are claimed stand in the second index at the end of their lease, beside those that wait for their next attempt: a
-- claim passes neither. (greatest() leaves nulls out.) Built without holding up the writers whose triggers fill the queue.
-- ctms: outside a transaction
drop index concurrently if exists ctms_sync_queue_claims;
create index concurrently ctms_sync_queue_claims on ctms_sync_queue (claimed_by) where claimed_by is not null;
drop index concurrently if exists ctms_sync_queue_due;
create index concurrently ctms_sync_queue_due on ctms_sync_queue (priority, greatest(next_attempt_at, claimed_until), first_requested_at) where state = 'pending';
