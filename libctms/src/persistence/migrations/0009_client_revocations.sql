-- SPDX-License-Identifier: MPL-2.0
-- From when on a client's tokens are good: those issued before one of these moments are refused. A row tells when a secret was
-- replaced, by whichever program, and counts once that secret has no grace period left (ctms_client_old_secrets); a row with an
-- empty secret tells when the client was deleted, and outlives it, for a client of the same id may be made again.
create table ctms_client_revocations (
    client_id text not null,
    hashed_secret text not null,
    issued_before timestamptz not null,
    constraint ctms_client_revocations_pkey primary key (client_id, hashed_secret)
);

-- Both act as the owner: the reference's role needs no rights on our tables. clock_timestamp() and not now(): the statement may
-- have waited for a lock since its transaction began.
create function ctms_api_client_secret_replaced() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    insert into ctms_client_revocations (client_id, hashed_secret, issued_before)
        values (old.client_id, old.hashed_secret, clock_timestamp())
        on conflict (client_id, hashed_secret) do update set issued_before = excluded.issued_before;
    -- What a later row says too is dropped, so that the table does not grow with each rotation.
    delete from ctms_client_revocations r where r.client_id = old.client_id and r.issued_before < (
        select max(newer.issued_before) from ctms_client_revocations newer where newer.client_id = old.client_id
            and not exists (select from ctms_client_old_secrets o where o.client_id = newer.client_id
                and o.hashed_secret = newer.hashed_secret and o.valid_until > clock_timestamp()));
    return null;
end
$$;
create trigger ctms_api_client_secret_replaced after update on api_client
    for each row when (old.hashed_secret is distinct from new.hashed_secret)
    execute function ctms_api_client_secret_replaced();

create or replace function ctms_api_client_deleted() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    delete from ctms_client_roles where client_id = old.client_id;
    delete from ctms_client_old_secrets where client_id = old.client_id;
    delete from ctms_client_revocations where client_id = old.client_id;
    insert into ctms_client_revocations (client_id, hashed_secret, issued_before)
        values (old.client_id, '', clock_timestamp());
    return null;
end
$$;
