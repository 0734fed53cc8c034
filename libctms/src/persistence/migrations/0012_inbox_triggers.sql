-- SPDX-License-Identifier: MPL-2.0
-- Triggers that append to ctms_inbox replace those that wrote to ctms_sync_queue. Each strong lock on a table of the Python
-- service is held in a step of its own, for a moment. The library queues the contacts that it deletes itself, and says so for the time of
-- its transaction.
-- ctms: step
drop trigger if exists ctms_pending_acoustic_inserted on pending_acoustic; drop trigger if exists ctms_pending_acoustic_noted on pending_acoustic; create trigger ctms_pending_acoustic_noted after insert on pending_acoustic referencing new table as written for each statement execute function ctms_note_pending();
-- ctms: step
drop trigger if exists ctms_emails_deleted on emails; drop trigger if exists ctms_emails_inserted on emails; drop trigger if exists ctms_emails_noted on emails; create trigger ctms_emails_noted after delete on emails referencing old table as deleted for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_deleted();
-- ctms: step
-- Nothing uses these any more.
drop function if exists ctms_pending_acoustic_inserted(), ctms_emails_deleted(), ctms_emails_inserted(), ctms_request_sync(uuid, text, text);
-- ctms: outside a transaction
-- The time of the latest request changes with each one: an index on it would cost every such update its place in the page.
drop index concurrently if exists ctms_sync_queue_parked;
create index concurrently ctms_sync_queue_parked on ctms_sync_queue (priority) where state = 'parked';
-- Finds the contact that has waited longest.
drop index concurrently if exists ctms_sync_queue_oldest;
create index concurrently ctms_sync_queue_oldest on ctms_sync_queue (first_requested_at) where state = 'pending';
-- Finds the contacts of /updates?mofo_relevant=true.
drop index concurrently if exists ctms_mofo_relevant;
create index concurrently ctms_mofo_relevant on mofo (email_id) where mofo_relevant;
