-- SPDX-License-Identifier: MPL-2.0
-- What changed, in an order that readers can rely on: the feed of GET /changes. A row for each contact that was written since this
-- migration, also after its deletion. `xid` is the transaction of the latest write, `created_xid` that of its creation if it is known. A
-- reader takes the rows whose transactions, and all before them, have ended. Rows are narrow and change with each write.
create table ctms_changes (
    email_id uuid not null,
    xid xid8 not null default pg_current_xact_id(),
    created_xid xid8,
    changed_at timestamptz not null default clock_timestamp(),
    deleted boolean not null default false, -- what the writer saw; readers ask whether the contact exists
    client text,
    constraint ctms_changes_pkey primary key (email_id)
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0.05, autovacuum_analyze_threshold = 5000);
create index ctms_changes_order on ctms_changes (xid, email_id);
-- Finds the deletions that are old enough to be forgotten.
create index ctms_changes_deleted on ctms_changes (changed_at) where deleted;

-- One row. Transaction ids mean nothing in another cluster or on another timeline, so a cursor names where it comes from: a hash of the
-- cluster, its timeline, the database and `epoch`. `forgotten_xid` and `forgotten_id` are the last deletion that was forgotten.
create table ctms_changes_state (
    only_row boolean not null default true,
    epoch uuid not null default gen_random_uuid(),
    system_identifier bigint not null,
    forgotten_xid xid8 not null default '0',
    forgotten_id uuid not null default '00000000-0000-0000-0000-000000000000',
    begun_at timestamptz, -- when a reader last began
    constraint ctms_changes_state_pkey primary key (only_row),
    constraint ctms_changes_state_check check (only_row)
) with (fillfactor = 20);
insert into ctms_changes_state (system_identifier) select system_identifier from pg_control_system();

-- ctms: step
-- Not validated: the rows that exist satisfy narrower checks. Other programs change contacts. 'create' and 'change' matter to the feed alone; 'upsert' and 'delete' go to the sync queue, too.
alter table ctms_inbox drop constraint ctms_inbox_what_check, drop constraint ctms_inbox_delete_check,
    add constraint ctms_inbox_what_check check (what in ('upsert', 'delete', 'create', 'change')) not valid,
    add constraint ctms_inbox_delete_check check (what <> 'delete' or primary_email is not null) not valid;

-- ctms: step
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Notes inserted or deleted rows. Its argument is what to note.
    execute format($sql$
        create or replace function %1$I.ctms_note_rows() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_inbox (email_id, what) select distinct written.email_id, tg_argv[0] from written;
            return null;
        end
        $body$ $sql$, home);
    -- Notes updated rows, which may belong to another contact than before.
    execute format($sql$
        create or replace function %1$I.ctms_note_updates() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_inbox (email_id, what)
                select both_of.email_id, 'change'
                from (select new_rows.email_id from new_rows union select old_rows.email_id from old_rows) as both_of;
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_note_rows(), %1$I.ctms_note_updates() from public', home);
end
$make$;
