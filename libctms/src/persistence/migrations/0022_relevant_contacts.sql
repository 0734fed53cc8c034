-- SPDX-License-Identifier: MPL-2.0
-- ctms: serves 18
-- ctms: outside a transaction
-- Finds the relevant contacts if they are few, for pages of /updates?mofo_relevant=true.
drop index concurrently if exists ctms_mofo_relevant;
create index concurrently ctms_mofo_relevant on mofo (email_id) where mofo_relevant;
