-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- Changes of contacts look their rows in the queue up by index, also while the queue is empty.
do $make$
declare
    home constant text := (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = 'ctms_sync_queue'::pg_catalog.regclass::pg_catalog.oid);
begin
    -- Which of these contacts have a row in the queue that another transaction has locked. Locks the rows of the others, in order, and
    -- waits for nobody. It is a function because the planner would read the whole queue for each contact if that was almost empty when
    -- the plan was made, also after it has grown.
    execute format($sql$
        create or replace function %1$I.ctms_busy_in_queue(wanted uuid[]) returns uuid[]
        language plpgsql volatile set search_path = pg_catalog, pg_temp set enable_seqscan = off as $body$
        declare
            locked constant uuid[] := array(select queue.email_id from %1$I.ctms_sync_queue queue where queue.email_id = any (wanted)
                order by queue.email_id for update skip locked);
        begin
            if cardinality(locked) = cardinality(wanted) then
                return '{}';
            end if;
            return array(select queue.email_id from %1$I.ctms_sync_queue queue where queue.email_id = any (wanted)
                except select one from unnest(locked) as one);
        end
        $body$ $sql$, home);
    execute format('grant execute on function %1$I.ctms_busy_in_queue(uuid[]) to public', home); -- runs with the rights of its caller
end
$make$;
