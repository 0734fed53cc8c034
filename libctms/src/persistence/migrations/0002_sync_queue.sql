-- SPDX-License-Identifier: MPL-2.0
-- What the sync has to tell Acoustic, one row per contact. It has no foreign key into the reference's tables,
-- for a row must outlive the deletion of its contact. Triggers keep it in step with writes of a reference
-- service that still runs. They act as the owner, since the reference's role needs no rights on our table.
-- ctms: replaces 5f7c1841081a33f99f86d02cba4e6b4ada15177f9e3fcd9bd99d059e6489b358

create table ctms_sync_queue (
    email_id uuid not null,
    operation text not null default 'upsert',
    primary_email text, -- of a deleted contact: the vendor is told by address
    version bigint not null default 1, -- counts requests: a row goes only at the version that was sent
    retry integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    claimed_until timestamptz,
    state text not null default 'pending',
    priority smallint not null default 0, -- smaller goes first; 0 is a write, a bulk resync has more
    last_error text,
    first_requested_at timestamptz not null default now(),
    last_requested_at timestamptz not null default now(),
    constraint ctms_sync_queue_pkey primary key (email_id),
    constraint ctms_sync_queue_operation_check check (operation in ('upsert', 'delete')),
    constraint ctms_sync_queue_state_check check (state in ('pending', 'parked')),
    constraint ctms_sync_queue_delete_check check (operation = 'upsert' or primary_email is not null)
);
create index ctms_sync_queue_due on ctms_sync_queue (priority, next_attempt_at) where state = 'pending';
create index ctms_sync_queue_retries on ctms_sync_queue (retry) where retry > 0;
create index ctms_sync_queue_parked on ctms_sync_queue (last_requested_at) where state = 'parked';

-- A claim stays as it is: whoever holds it is not to be overtaken by a second worker.
create function ctms_request_sync(wanted_id uuid, wanted_operation text, wanted_email text) returns void
language sql security definer set search_path from current as $$
    insert into ctms_sync_queue as queue (email_id, operation, primary_email)
    values (wanted_id, wanted_operation, wanted_email)
    on conflict (email_id) do update set
        operation = excluded.operation,
        primary_email = excluded.primary_email,
        version = queue.version + 1,
        retry = 0,
        next_attempt_at = now(),
        state = 'pending',
        priority = least(queue.priority, excluded.priority),
        last_error = null,
        last_requested_at = now();
$$;
revoke all on function ctms_request_sync(uuid, text, text) from public;

create function ctms_pending_acoustic_inserted() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    perform ctms_request_sync(new.email_id, 'upsert', null);
    return null;
end
$$;

create function ctms_emails_deleted() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    perform ctms_request_sync(old.email_id, 'delete', old.primary_email);
    return null;
end
$$;

-- A contact that comes back under its old id: the deletion that still waits would remove it at the vendor.
create function ctms_emails_inserted() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    if exists (select from ctms_sync_queue where email_id = new.email_id and operation = 'delete') then
        perform ctms_request_sync(new.email_id, 'upsert', null);
    end if;
    return null;
end
$$;

-- Each trigger in a step of its own: its lock holds up the writers of one table, and only for a moment.
-- ctms: step
create trigger ctms_pending_acoustic_inserted after insert on pending_acoustic
    for each row execute function ctms_pending_acoustic_inserted();

-- ctms: step
create trigger ctms_emails_deleted after delete on emails
    for each row execute function ctms_emails_deleted();
create trigger ctms_emails_inserted after insert on emails
    for each row execute function ctms_emails_inserted();

-- The triggers are in place: every row up to this one has to be copied, and later ones are copied by the trigger.
-- ctms: step
create table ctms_pending_copied as
    select null::bigint as up_to, coalesce(max(id), 0)::bigint as last from pending_acoustic;

-- Retries that the reference counted do not matter here: each contact gets a fresh start. A contact that the trigger queued
-- meanwhile stays as it is, but for its times.
-- ctms: batch
with part as (
    select id, email_id, create_timestamp, update_timestamp from pending_acoustic
    where id > (select coalesce(up_to, -2147483649) from ctms_pending_copied where up_to is null or up_to < last)
    order by id limit 1000
), moved as (
    update ctms_pending_copied set up_to = (select max(id) from part) where exists (select from part)
)
insert into ctms_sync_queue as queue (email_id, first_requested_at, last_requested_at)
select email_id, min(create_timestamp), max(update_timestamp) from part group by email_id
on conflict (email_id) do update set
    first_requested_at = least(queue.first_requested_at, excluded.first_requested_at),
    last_requested_at = greatest(queue.last_requested_at, excluded.last_requested_at);

-- ctms: step
drop table ctms_pending_copied;
