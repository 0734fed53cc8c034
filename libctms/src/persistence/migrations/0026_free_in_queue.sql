-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- Changes of contacts look their rows in the queue up by index, also while the queue is empty.
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Returns those of these contacts that have no row in the queue, or one that no other transaction has locked. Locks these rows, and
    -- waits for nobody. It is a function because the planner would read the whole queue for each contact if the queue was almost empty
    -- when the plan was made, also after it has grown. `rows 1` makes the planner look up by index what the statement does next.
    execute format($sql$
        create or replace function %1$I.ctms_free_in_queue(wanted uuid[]) returns setof uuid
        language plpgsql volatile rows 1 set search_path = pg_catalog, pg_temp set enable_seqscan = off as $body$
        declare
            locked constant uuid[] := array(select queue.email_id from %1$I.ctms_sync_queue queue where queue.email_id = any (wanted)
                order by queue.email_id for update skip locked);
        begin
            return query select unnest(locked);
            if cardinality(locked) < cardinality(wanted) then
                return query select unnest(wanted)
                    except select queue.email_id from %1$I.ctms_sync_queue queue where queue.email_id = any (wanted);
            end if;
        end
        $body$ $sql$, home);
    execute format('grant execute on function %1$I.ctms_free_in_queue(uuid[]) to public', home); -- runs with the rights of its caller
end
$make$;
