-- SPDX-License-Identifier: MPL-2.0
-- Which columns of the vendor's main table were sent for a contact, so that those without a source are emptied there. There are few sets
-- of columns, because they depend on the configuration of the sync and on which groups a contact has.
-- ctms: replaces eee719636b9f7d39cc28b87be9d2034ec567c45737df2172469aab4939ff87ab

create table ctms_vendor_columns (
    id integer generated always as identity,
    names text not null, -- a JSON array, sorted
    constraint ctms_vendor_columns_pkey primary key (id)
);
create unique index ctms_vendor_columns_names on ctms_vendor_columns (md5(names));
alter table ctms_vendor_state add column columns_id integer; -- null if nothing is known

-- ctms: step
-- The contacts that a sync which is switched off removed from the queue without sending them.
create table ctms_sync_skipped (
    email_id uuid not null,
    skipped_at timestamptz not null default now(),
    constraint ctms_sync_skipped_pkey primary key (email_id)
);
-- One row: how the vendor answered the worker that wrote last.
create table ctms_vendor_circuit (
    only_row boolean not null default true,
    next_probe_at timestamptz, -- null while the circuit is closed
    reason text, -- why the circuit was opened
    last_error text,
    last_error_at timestamptz,
    constraint ctms_vendor_circuit_pkey primary key (only_row),
    constraint ctms_vendor_circuit_check check (only_row)
);
insert into ctms_vendor_circuit default values;

-- Counts the contacts that were tried since they were last requested, also while the vendor is down and no attempt is used up.
-- ctms: outside a transaction
drop index concurrently if exists ctms_sync_queue_tried;
create index concurrently ctms_sync_queue_tried on ctms_sync_queue (retry) where last_error is not null;

-- Programs name the index when they count, so there is always one with this name.
-- ctms: step
lock table ctms_sync_queue in access exclusive mode;
drop index if exists ctms_sync_queue_retries;
alter index ctms_sync_queue_tried rename to ctms_sync_queue_retries;
