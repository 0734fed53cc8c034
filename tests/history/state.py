# SPDX-License-Identifier: MPL-2.0
"""What is stored when a round has come to rest."""
from lab import until

CONTACTS = """
select email_id::text,
  replace(to_char(update_timestamp at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '') || '+00:00', primary_email, first_name,
  coalesce(has_opted_out_of_email, false),
  (select coalesce(json_agg(json_build_array(name, subscribed, lang) order by name collate "C"), '[]') from newsletters n where n.email_id = e.email_id),
  (select coalesce(json_agg(name order by name collate "C"), '[]') from waitlists w where w.email_id = e.email_id),
  (select display_name from amo a where a.email_id = e.email_id), (select fxa_id from fxa f where f.email_id = e.email_id)
from emails e"""

# Nothing waits in the inbox, and the feed shows every change.
AT_REST = """
select not exists (select from ctms_inbox)
  and not exists (select from ctms_changes where xid >= pg_snapshot_xmin(pg_current_snapshot()) and xid < pg_snapshot_xmax(pg_current_snapshot()))
  and not exists (select from pg_stat_activity where backend_xid is not null)"""


class State:
    """Read it after await_rest()."""

    def __init__(self, scene):
        names = ("time", "address", "first_name", "opted_out", "newsletters", "waitlists", "amo", "fxa")
        self.contacts = {row[0]: dict(zip(names, row[1:])) for row in scene.query(CONTACTS)}
        self.newest = max((one["time"] for one in self.contacts.values()), default="")
        self.changes = {row[0]: row[1] for row in scene.query("select email_id::text, deleted from ctms_changes")}
        self.queue = {row[0]: row[1] for row in scene.query("select email_id::text, operation from ctms_sync_queue")}


WAITING = "select count(*) from ctms_sync_queue where state = 'pending'"


def await_rest(scene, seconds=120):
    until(lambda: scene.value(AT_REST), seconds, "the inbox is empty and the feed shows every change")


def await_sent(scene, seconds=90):
    """Waits until the vendor has everything. Fails if nothing leaves the queue for so many seconds."""
    while before := scene.value(WAITING):
        until(lambda least=before: scene.value(WAITING) < least, seconds, f"one of {before} entries leaves the queue")
