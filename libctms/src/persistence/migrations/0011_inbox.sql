-- SPDX-License-Identifier: MPL-2.0
-- What other programs write to the tables of the Python service. Triggers only append here, so that another writer waits for nobody;
-- ctms-sync and ctms-web move the rows to ctms_sync_queue. There is no unique key, and no index.
create table ctms_inbox (
    id bigint generated always as identity (cache 50),
    email_id uuid not null,
    what text not null,
    primary_email text, -- of a deleted contact: the vendor is told by address
    written_at timestamptz not null default now(),
    constraint ctms_inbox_what_check check (what in ('upsert', 'delete')),
    constraint ctms_inbox_delete_check check (what = 'upsert' or primary_email is not null)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_threshold = -1,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

-- ctms: step
-- Rows of these tables change often: room in each page for new versions, and vacuum before dead rows are a large part of the table.
alter table ctms_sync_queue set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 5000);
-- ctms: step
alter table ctms_vendor_state set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
-- ctms: step
alter table ctms_vendor_slots set (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- ctms: step
-- The functions of triggers run with the rights of their owner, because other writers need no rights on our tables. They find nothing
-- that another role could have planted: every table has its schema, and everything else is searched in pg_catalog alone. That path ends
-- with pg_temp, because temporary tables are searched first wherever a path does not name it. Nobody else may run the functions; firing a
-- trigger needs no right. packaging/dev/check_functions.py checks this for later migrations.
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Other writers queue contacts.
    execute format($sql$
        create or replace function %1$I.ctms_note_pending() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_inbox (email_id, what) select written.email_id, 'upsert' from written;
            return null;
        end
        $body$ $sql$, home);
    -- Other writers delete contacts.
    execute format($sql$
        create or replace function %1$I.ctms_note_deleted() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_inbox (email_id, what, primary_email)
                select deleted.email_id, 'delete', deleted.primary_email from deleted;
            return null;
        end
        $body$ $sql$, home);
    -- The meaning of the next two is in migrations 8 and 9.
    execute format($sql$
        create or replace function %1$I.ctms_api_client_deleted() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            delete from %1$I.ctms_client_roles r where r.client_id = old.client_id;
            delete from %1$I.ctms_client_old_secrets o where o.client_id = old.client_id;
            delete from %1$I.ctms_client_revocations r where r.client_id = old.client_id;
            insert into %1$I.ctms_client_revocations (client_id, hashed_secret, issued_before)
                values (old.client_id, '', clock_timestamp());
            return null;
        end
        $body$ $sql$, home);
    execute format($sql$
        create or replace function %1$I.ctms_api_client_secret_replaced() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_client_revocations (client_id, hashed_secret, issued_before)
                values (old.client_id, old.hashed_secret, clock_timestamp())
                on conflict (client_id, hashed_secret) do update set issued_before = excluded.issued_before;
            delete from %1$I.ctms_client_revocations r where r.client_id = old.client_id and r.issued_before < (
                select max(newer.issued_before) from %1$I.ctms_client_revocations newer where newer.client_id = old.client_id
                    and not exists (select from %1$I.ctms_client_old_secrets o where o.client_id = newer.client_id
                        and o.hashed_secret = newer.hashed_secret and o.valid_until > clock_timestamp()));
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_note_pending(), %1$I.ctms_note_deleted(), %1$I.ctms_api_client_deleted(),'
        ' %1$I.ctms_api_client_secret_replaced() from public', home);
end
$make$;
