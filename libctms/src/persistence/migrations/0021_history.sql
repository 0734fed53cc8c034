-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- Who changed a contact, when, and what: rows are written only if CTMS_HISTORY_DAYS is set, and kept for so many days. `changes` has the
-- fields that changed, with values for switches, choices, newsletters and languages only; null if another program made the change.
-- The ids of a contact's rows have the order of its changes, because each is taken while the contact is locked.
create table ctms_history (
    email_id uuid not null,
    id bigint generated always as identity,
    changed_at timestamptz not null default clock_timestamp(),
    what text not null,
    client text,
    request_id text,
    changes json,
    constraint ctms_history_pkey primary key (email_id, id),
    constraint ctms_history_what_check check (what in ('created', 'updated', 'deleted'))
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
-- Finds the rows that are old enough to be forgotten.
create index ctms_history_age on ctms_history (changed_at);

-- What ctms-web shows of tables that it must not read: they have secrets, and records about others.
create view ctms_contact_audit as
    select id, began_at, ended_at, actor, command, details, exit_code from ctms_audit_log where details ? 'email_ids';
create view ctms_webhook_places as
    select webhook_id, name, events, with_contacts, state, xid, email_id, system_identifier, delivered_at from ctms_webhooks;

-- ctms: step
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- A contact that is deleted leaves no document, and of its history only who deleted it, whoever deletes it.
    execute format($sql$
        create or replace function %1$I.ctms_forget_documents() returns trigger
        language plpgsql security definer set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
        set search_path = pg_catalog, pg_temp as $body$
        begin
            delete from %1$I.ctms_documents known using deleted where known.email_id = deleted.email_id;
            delete from %1$I.ctms_history known using deleted where known.email_id = deleted.email_id and known.what <> 'deleted';
            return null;
        end
        $body$ $sql$, home);
    -- TRUNCATE fires no other triggers. It is noted for all contacts that have rows in the table, and refused if a contact is held.
    execute format($sql$
        create or replace function %1$I.ctms_note_truncated() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            if tg_table_name = 'emails' then
                if exists (select from %1$I.emails e join %1$I.ctms_holds held on held.email_id = e.email_id) then
                    raise exception 'a legal hold forbids to delete this contact' using errcode = 'ZHOLD';
                end if;
                insert into %1$I.ctms_inbox (email_id, what, primary_email) select e.email_id, 'delete', e.primary_email from %1$I.emails e;
                delete from %1$I.ctms_documents;
                delete from %1$I.ctms_history known where known.what <> 'deleted';
                update %1$I.ctms_kept_answers kept set request = null, entity_tag = '', location = '', body = '', email_ids = '{}'
                    where kept.request is not null;
            else
                insert into %1$I.ctms_inbox (email_id, what) select distinct emptied.email_id, 'change' from (
                    select email_id from %1$I.amo where tg_table_name = 'amo'
                    union all select email_id from %1$I.fxa where tg_table_name = 'fxa'
                    union all select email_id from %1$I.mofo where tg_table_name = 'mofo'
                    union all select email_id from %1$I.newsletters where tg_table_name = 'newsletters'
                    union all select email_id from %1$I.waitlists where tg_table_name = 'waitlists') as emptied;
            end if;
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_forget_documents(), %1$I.ctms_note_truncated() from public', home);
end
$make$;
-- ctms: outside a transaction
-- Finds the records about a contact.
drop index concurrently if exists ctms_audit_log_contact;
create index concurrently ctms_audit_log_contact on ctms_audit_log using gin (string_to_array(details ->> 'email_ids', ',')) where details ? 'email_ids';
