-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- How many requests each API client may send to one instance of ctms-web: rate_requests in rate_seconds in the long run and burst at once,
-- and concurrency at the same time. null: no limit.
alter table ctms_client_rules
    add column rate_requests integer,
    add column rate_seconds integer,
    add column burst integer,
    add column concurrency integer,
    add constraint ctms_client_rules_rate_check check (coalesce(rate_requests, 1) > 0 and coalesce(rate_seconds, 1) > 0 and coalesce(burst, 1) > 0
        and (rate_requests is null) = (rate_seconds is null) and (rate_requests is null) = (burst is null)),
    add constraint ctms_client_rules_concurrency_check check (coalesce(concurrency, 1) > 0);
-- When each API client last used the API, to the minute. A client without a row did not use it since this table exists.
create table ctms_client_use (
    client_id text not null,
    last_used_at timestamptz not null,
    constraint ctms_client_use_pkey primary key (client_id)
);

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
            delete from %1$I.ctms_client_use used using deleted where used.client_id = deleted.client_id;
            return null;
        end
        $body$ $sql$, home);
    execute format('revoke all on function %1$I.ctms_forget_client_rules() from public', home);
end
$make$;
