-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- What API clients must do, besides their roles. A client without a row must do nothing.
create table ctms_client_rules (
    client_id text not null,
    must_have_precondition boolean not null default false, -- changes and deletes contacts only with If-Match, or If-None-Match: *
    constraint ctms_client_rules_pkey primary key (client_id)
);
-- Answers to requests with an Idempotency-Key: the same request gets the same answer again. A row commits with the write that it answers.
-- `digest` is a hash of the client and the key, `request` one of the key and the request. The answer holds personal data: when one of its
-- contacts is deleted, whoever deletes it, `request` and the answer are emptied, and the row only says that the key was used. The answer to
-- a deletion has only the ids of what was deleted.
create table ctms_kept_answers (
    digest bytea not null,
    client_id text not null,
    request bytea,                              -- null: erased
    created_at timestamptz not null default clock_timestamp(),
    size integer not null,                      -- of the row in bytes, approximately
    status integer not null,
    entity_tag text not null,
    location text not null,
    body text not null,
    email_ids uuid[] not null,                  -- the contacts in the answer
    constraint ctms_kept_answers_pkey primary key (digest)
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);
create index ctms_kept_answers_age on ctms_kept_answers (created_at);
create index ctms_kept_answers_client on ctms_kept_answers (client_id, created_at) include (size);
-- Without a list of pending entries, which each lookup would read from its beginning to its end.
create index ctms_kept_answers_contacts on ctms_kept_answers using gin (email_ids) with (fastupdate = off);

-- ctms: step
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    execute format($sql$
        create or replace function %1$I.ctms_forget_client_rules() returns trigger
        language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
        begin
            delete from %1$I.ctms_client_rules rules using deleted where rules.client_id = deleted.client_id;
            return null;
        end
        $body$ $sql$, home);
    -- Each deleted contact is looked up in the index, because a condition with all of them would be tried on each row that is found. The
    -- setting is there because the planner does not know how few rows were deleted.
    execute format($sql$
        create or replace function %1$I.ctms_erase_answers() returns trigger
        language plpgsql security definer set enable_seqscan = off set search_path = pg_catalog, pg_temp as $body$
        begin
            if not exists (select from %1$I.ctms_kept_answers) then
                return null;
            end if;
            update %1$I.ctms_kept_answers kept set request = null, entity_tag = '', location = '', body = '', email_ids = '{}'
                where kept.digest in (select found.digest from deleted cross join lateral (
                    select known.digest from %1$I.ctms_kept_answers known where known.email_ids @> array[deleted.email_id] offset 0) found);
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_forget_client_rules(), %1$I.ctms_erase_answers() from public', home);
end
$make$;
-- ctms: step
create trigger ctms_api_client_rules after delete on api_client referencing old table as deleted for each statement execute function ctms_forget_client_rules();
-- ctms: step
create trigger ctms_emails_answers after delete on emails referencing old table as deleted for each statement execute function ctms_erase_answers();
