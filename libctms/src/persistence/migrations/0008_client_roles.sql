-- SPDX-License-Identifier: MPL-2.0
-- What each API client may do; one without a row may do everything. And secrets that were replaced and still open the door
-- for a while. A client that is deleted, by whomever, leaves nothing here.
create table ctms_client_roles (
    client_id text not null,
    role text not null,
    constraint ctms_client_roles_pkey primary key (client_id, role),
    constraint ctms_client_roles_role_check check (role in ('read', 'write', 'delete', 'updates', 'stripe', 'admin'))
);

create table ctms_client_old_secrets (
    client_id text not null,
    hashed_secret text not null,
    valid_until timestamptz not null,
    constraint ctms_client_old_secrets_pkey primary key (client_id, hashed_secret)
);

-- Acts as the owner: the reference's role needs no rights on our tables.
create function ctms_api_client_deleted() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    delete from ctms_client_roles where client_id = old.client_id;
    delete from ctms_client_old_secrets where client_id = old.client_id;
    return null;
end
$$;
create trigger ctms_api_client_deleted after delete on api_client
    for each row execute function ctms_api_client_deleted();
