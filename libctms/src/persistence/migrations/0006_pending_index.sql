-- SPDX-License-Identifier: MPL-2.0
-- ctms: outside a transaction
-- Finds the reference's rows of a contact that was sent or deleted. One statement a line.
drop index concurrently if exists ctms_pending_acoustic_contact;
create index concurrently ctms_pending_acoustic_contact on pending_acoustic (email_id);
