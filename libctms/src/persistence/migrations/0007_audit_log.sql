-- SPDX-License-Identifier: MPL-2.0
-- What operators changed from the command line. Holds ids and counts, no personal data.
create table ctms_audit_log (
    id bigint generated always as identity,
    began_at timestamptz not null default now(),
    ended_at timestamptz, -- null: under way, or killed
    actor text not null,
    command text not null,
    details jsonb not null default '{}',
    exit_code integer,
    constraint ctms_audit_log_pkey primary key (id)
);
