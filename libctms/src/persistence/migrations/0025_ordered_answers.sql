-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- Deletions that share kept answers lock these in one order, so that they cannot wait for each other.
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Each deleted contact is looked up in the index, because a condition with all of them would be tried on each row that is found. The
    -- setting is there because the planner does not know how few rows were deleted. The rows are locked in order of their key before they
    -- are changed.
    execute format($sql$
        create or replace function %1$I.ctms_erase_answers() returns trigger
        language plpgsql security definer set enable_seqscan = off set search_path = pg_catalog, pg_temp as $body$
        begin
            if not exists (select from %1$I.ctms_kept_answers) then
                return null;
            end if;
            with held as materialized (
                select kept.digest from %1$I.ctms_kept_answers kept
                where kept.digest in (select found.digest from deleted cross join lateral (
                    select known.digest from %1$I.ctms_kept_answers known where known.email_ids @> array[deleted.email_id] offset 0) found)
                order by kept.digest for update)
            update %1$I.ctms_kept_answers kept set request = null, entity_tag = '', location = '', body = '', email_ids = '{}'
                from held where kept.digest = held.digest;
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_erase_answers() from public', home);
end
$make$;
