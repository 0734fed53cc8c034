-- SPDX-License-Identifier: MPL-2.0
-- Contacts that are sent to the vendor in one bulk job: the version that the job has of each, and the hash of its row of the main table.
-- ctms: serves 18

alter table ctms_sync_queue
    add column bulk_version bigint,
    add column bulk_hash text;

-- One row: the bulk job that is under way, of all processes. Its contacts are claimed by it.
-- ctms: step
create table ctms_bulk_job (
    only_row boolean not null default true,
    job uuid, -- ours; null while there is none. The names of its files begin with it
    vendor_job text, -- the vendor's id; null until the vendor has answered
    asked_at timestamptz, -- when the vendor was asked to start it; null before
    contacts bigint not null default 0, -- rows of its file
    holder uuid, -- the process that looks after it
    held_until timestamptz not null default '-infinity',
    failures integer not null default 0, -- in a row
    not_before timestamptz not null default '-infinity', -- of the next job
    constraint ctms_bulk_job_pkey primary key (only_row),
    constraint ctms_bulk_job_check check (only_row)
);
insert into ctms_bulk_job default values;

-- Contacts of jobs that were given up although they may still end at the vendor, and so may write old data or create a deleted contact
-- again. Until then each deletion of such a contact is repeated; after it, those that exist are sent once more.
create table ctms_bulk_doubts (
    email_id uuid not null,
    until timestamptz not null,
    constraint ctms_bulk_doubts_pkey primary key (email_id)
);
create index ctms_bulk_doubts_until on ctms_bulk_doubts (until);

-- Files of jobs that are at the vendor's file server, or may be. A row goes when the file has been removed.
create table ctms_bulk_files (
    path text not null, -- folder and name
    job uuid not null, -- ours
    next_attempt_at timestamptz not null default now(),
    constraint ctms_bulk_files_pkey primary key (path)
);
