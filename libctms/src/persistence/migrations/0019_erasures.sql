-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- Programs that do not know legal holds fail to delete a contact that is held. That is what a hold is for.
-- Receipts of erasures: what was removed and when, but not whose it was.
create table ctms_erasures (
    erasure_id uuid not null,
    requested_at timestamptz not null default clock_timestamp(),
    contacts integer not null,
    stripe_objects bigint not null,
    parked_objects bigint not null,
    suppressed boolean not null,
    waiting integer not null, -- contacts of which the vendor has not confirmed the deletion
    confirmed_at timestamptz, -- when it confirmed the last one
    constraint ctms_erasures_pkey primary key (erasure_id)
);
create index ctms_erasures_age on ctms_erasures (requested_at);
create index ctms_erasures_waiting on ctms_erasures (requested_at) where waiting > 0;
-- The contacts of which the vendor has not confirmed the deletion. A row goes with the confirmation.
create table ctms_erasure_contacts (
    email_id uuid not null,
    erasure_id uuid not null,
    constraint ctms_erasure_contacts_pkey primary key (email_id, erasure_id)
);
create index ctms_erasure_contacts_erasure on ctms_erasure_contacts (erasure_id);

-- Contacts that must not be deleted.
create table ctms_holds (
    email_id uuid not null,
    reason text not null,
    held_by text not null,
    held_at timestamptz not null default clock_timestamp(),
    constraint ctms_holds_pkey primary key (email_id)
);

-- What must not be stored again: keyed hashes of the address, the account and the customers of a person. `address_hash` is that of the
-- address, so that all of them can be removed together. `key_id` tells which key made them.
create table ctms_suppressed (
    hash bytea not null,
    address_hash bytea not null,
    key_id text not null,
    suppressed_at timestamptz not null default clock_timestamp(),
    constraint ctms_suppressed_pkey primary key (hash, address_hash)
);
create index ctms_suppressed_address on ctms_suppressed (address_hash);

-- ctms: step
alter table ctms_client_roles drop constraint ctms_client_roles_role_check, add constraint ctms_client_roles_role_check
    check (role in ('read', 'write', 'delete', 'updates', 'stripe', 'admin', 'privacy'));

-- ctms: outside a transaction
-- Finds the deletions of an address that the vendor has not confirmed.
drop index concurrently if exists ctms_sync_queue_address;
create index concurrently ctms_sync_queue_address on ctms_sync_queue (lower(primary_email)) where primary_email is not null;

-- ctms: step
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Refuses to delete a contact under a legal hold, whoever deletes it. A hold locks the row of the contact, so one of the two comes
    -- first; this function sees a hold that was committed while the deletion waited.
    execute format($sql$
        create or replace function %1$I.ctms_refuse_held() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            if exists (select from deleted where exists (select from %1$I.ctms_holds held where held.email_id = deleted.email_id)) then
                raise exception 'a legal hold forbids to delete this contact' using errcode = 'ZHOLD';
            end if;
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_refuse_held() from public', home);
end
$make$;
-- ctms: step
create trigger ctms_emails_held after delete on emails referencing old table as deleted for each statement execute function ctms_refuse_held();
