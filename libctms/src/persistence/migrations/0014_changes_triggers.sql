-- SPDX-License-Identifier: MPL-2.0
-- Triggers note in ctms_inbox which contacts other programs change. Each strong lock on a table of the Python service is held in a step of
-- its own, for a moment. The library notes its own writes itself, and says so for the time of its transaction. Migration 12 has the trigger
-- for deletions from emails.
-- ctms: step
create trigger ctms_emails_inserted_noted after insert on emails referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('create');
-- ctms: step
create trigger ctms_emails_updated_noted after update on emails referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_amo_inserted_noted after insert on amo referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_amo_updated_noted after update on amo referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_amo_deleted_noted after delete on amo referencing old table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_fxa_inserted_noted after insert on fxa referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_fxa_updated_noted after update on fxa referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_fxa_deleted_noted after delete on fxa referencing old table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_mofo_inserted_noted after insert on mofo referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_mofo_updated_noted after update on mofo referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_mofo_deleted_noted after delete on mofo referencing old table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_newsletters_inserted_noted after insert on newsletters referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_newsletters_updated_noted after update on newsletters referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_newsletters_deleted_noted after delete on newsletters referencing old table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_waitlists_inserted_noted after insert on waitlists referencing new table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
-- ctms: step
create trigger ctms_waitlists_updated_noted after update on waitlists referencing old table as old_rows new table as new_rows for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_updates();
-- ctms: step
create trigger ctms_waitlists_deleted_noted after delete on waitlists referencing old table as written for each statement when (current_setting('ctms.writer', true) is distinct from 'library') execute function ctms_note_rows('change');
