-- SPDX-License-Identifier: MPL-2.0
-- Our functions run with the rights of their owner. Only the triggers that we made may run them, which needs no right, and they see
-- no temporary tables of the role that fires them: pg_temp is searched first wherever a path does not name it. A later migration
-- that makes such a function, or replaces one, which resets its path, does the same.
do $$
declare
    one record;
begin
    for one in select p.oid::regprocedure as signature, p.pronamespace::regnamespace as home from pg_proc p
        where p.prosecdef and p.proname like 'ctms\_%'
            and p.pronamespace = (select relnamespace from pg_class where oid = 'ctms_sync_queue'::regclass)
    loop
        execute format('revoke all on function %s from public', one.signature);
        execute format('alter function %s set search_path = pg_catalog, %s, pg_temp', one.signature, one.home);
    end loop;
end $$;
