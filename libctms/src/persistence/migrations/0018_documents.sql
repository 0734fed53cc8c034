-- SPDX-License-Identifier: MPL-2.0
-- The document of a contact: its JSON as the API sends it. It counts only if its format is that of the program, its version is the xmin
-- of the contact's row in emails, and the contact has no row in ctms_inbox. So whatever writes emails makes it invalid, and so does each
-- write of another program to a table of the contact. A row without a document says that the contact changed: whoever read
-- the contact before must not store a document. decisions/0029 has the whole argument.
create table ctms_documents (
    email_id uuid not null,
    format integer not null, -- 0: no document
    version xid not null,
    document text not null,
    constraint ctms_documents_pkey primary key (email_id)
) with (fillfactor = 70, toast_tuple_target = 4080, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0.05);
-- Not compressed: compression costs more time than the space is worth.
alter table ctms_documents alter column document set storage external;

-- ctms: outside a transaction
-- Finds the rows of one contact, for reads of its document.
drop index concurrently if exists ctms_inbox_contact;
create index concurrently ctms_inbox_contact on ctms_inbox (email_id);

-- ctms: step
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Which of these contacts have rows in the inbox. It is a function because the planner would read the whole table when that is
    -- small, also after it has grown. Stable, so that it sees what the statement sees that calls it.
    execute format($sql$
        create or replace function %1$I.ctms_noted(wanted uuid[]) returns uuid[]
        language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off as $body$
        begin
            return array(select noted.email_id from %1$I.ctms_inbox noted where noted.email_id = any (wanted));
        end
        $body$ $sql$, home);
    -- The settings of the next two are there because the planner does not know how few rows were deleted.
    -- Rows of the inbox go when the feed and the queue have them. From then on they no longer make documents invalid, so the
    -- documents go in the same transaction, whoever deletes the rows.
    execute format($sql$
        create or replace function %1$I.ctms_forget_noted() returns trigger
        language plpgsql security definer set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
        set search_path = pg_catalog, pg_temp as $body$
        begin
            insert into %1$I.ctms_documents as known (email_id, format, version, document)
                select written.email_id, 0, '0', '' from written
                where exists (select from %1$I.emails e where e.email_id = written.email_id)
                group by written.email_id order by written.email_id
                on conflict (email_id) do update set format = 0, version = '0', document = '';
            delete from %1$I.ctms_documents known using written
                where known.email_id = written.email_id and not exists (select from %1$I.emails e where e.email_id = written.email_id);
            return null;
        end
        $body$ $sql$, home);
    -- A contact that is deleted leaves no document, whoever deletes it.
    execute format($sql$
        create or replace function %1$I.ctms_forget_documents() returns trigger
        language plpgsql security definer set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
        set search_path = pg_catalog, pg_temp as $body$
        begin
            delete from %1$I.ctms_documents known using deleted where known.email_id = deleted.email_id;
            return null;
        end
        $body$ $sql$, home);
    -- TRUNCATE fires no other triggers. It is noted for all contacts that have rows in the table.
    execute format($sql$
        create or replace function %1$I.ctms_note_truncated() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            if tg_table_name = 'emails' then
                insert into %1$I.ctms_inbox (email_id, what, primary_email) select e.email_id, 'delete', e.primary_email from %1$I.emails e;
                delete from %1$I.ctms_documents;
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
    -- The rows of the inbox itself.
    execute format($sql$
        create or replace function %1$I.ctms_delete_noted() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            delete from %1$I.ctms_inbox;
            return null;
        end
        $body$ $sql$, home);
    execute format('grant execute on function %1$I.ctms_noted(uuid[]) to public', home); -- runs with the rights of its caller
    execute format('revoke all on function %1$I.ctms_forget_noted(), %1$I.ctms_forget_documents(), %1$I.ctms_note_truncated(),'
        ' %1$I.ctms_delete_noted() from public', home);
end
$make$;
-- ctms: step
create trigger ctms_inbox_forgotten after delete on ctms_inbox referencing old table as written for each statement execute function ctms_forget_noted(); create trigger ctms_inbox_truncated before truncate on ctms_inbox for each statement execute function ctms_delete_noted();
-- ctms: step
create trigger ctms_emails_documents after delete on emails referencing old table as deleted for each statement execute function ctms_forget_documents(); create trigger ctms_emails_truncated before truncate on emails for each statement execute function ctms_note_truncated();
-- ctms: step
create trigger ctms_amo_truncated before truncate on amo for each statement execute function ctms_note_truncated();
-- ctms: step
create trigger ctms_fxa_truncated before truncate on fxa for each statement execute function ctms_note_truncated();
-- ctms: step
create trigger ctms_mofo_truncated before truncate on mofo for each statement execute function ctms_note_truncated();
-- ctms: step
create trigger ctms_newsletters_truncated before truncate on newsletters for each statement execute function ctms_note_truncated();
-- ctms: step
create trigger ctms_waitlists_truncated before truncate on waitlists for each statement execute function ctms_note_truncated();
