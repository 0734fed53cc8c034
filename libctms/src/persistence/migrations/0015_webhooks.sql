-- SPDX-License-Identifier: MPL-2.0
-- Services to which the feed of changes is sent. A webhook keeps its place in the feed and no messages, so that one that is down for long
-- needs no room. The secrets sign messages and must be readable for that: only the roles of ctms-sync and ctms-admin get rights on the table.
create table ctms_webhooks (
    webhook_id uuid not null,
    name text not null,
    url text not null,
    events text not null,                       -- kinds of changes, with commas
    with_contacts boolean not null,
    allow_http boolean not null,
    allow_private_address boolean not null,
    secret text not null,
    old_secret text,                            -- also signs until old_secret_until
    old_secret_until timestamptz,
    state text not null default 'enabled',
    reason text,                                -- why it is disabled or parked
    epoch text not null,                        -- the place in the feed after which changes are sent, as in a cursor
    xid xid8 not null,
    email_id uuid not null,
    system_identifier bigint not null,          -- the cluster in which it was added, enabled or retried: a copy does not deliver
    lost text,                                  -- the receiver must be told first that changes are missing
    lost_at timestamptz,
    failures integer not null default 0,        -- in a row
    last_failure text,
    next_attempt_at timestamptz not null default now(),
    delivered_at timestamptz,
    holder uuid,                                -- the process that delivers at the moment, for the time of a lease
    held_until timestamptz not null default '-infinity',
    created_at timestamptz not null default now(),
    constraint ctms_webhooks_pkey primary key (webhook_id),
    constraint ctms_webhooks_name_key unique (name),
    constraint ctms_webhooks_state_check check (state in ('enabled', 'disabled', 'parked'))
) with (fillfactor = 50);
