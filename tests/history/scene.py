# SPDX-License-Identifier: MPL-2.0
"""The servers of a round: PostgreSQL with a standby, two ctms-web, and on request ctms-sync with the simulated vendor."""
import os
import threading
import uuid

import psycopg2

from lab import Postgres, until
from service import Service, prepare

SHARED = 200  # contacts that all writers change
QUIET = 7     # every seventh of them is also changed by SQL that leaves its time as it is

FILL = f"""
insert into emails (email_id, primary_email, basket_token, first_name, update_timestamp)
  select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'shared-' || n || '@example.com', gen_random_uuid()::text, 'first', now()
  from generate_series(1, {SHARED}) n;
insert into newsletters (email_id, name, subscribed, format, lang, update_timestamp)
  select email_id, name, true, 'H', 'en', now() from emails, unnest(array['hubs', 'app-dev']) name;
insert into fxa (email_id, fxa_id, update_timestamp)
  select email_id, 'fxa-' || right(email_id::text, 4), now() from emails where right(email_id::text, 1) in ('1', '2')"""


# What a process wrote survives its end without this, and no round ends the machine.
QUICKLY = "fsync = off\n"


def shared_id(number):
    return f"00000000-0000-4000-8000-{number:012}"


class Cluster:
    """PostgreSQL with a migrated database and an API client, which each round copies; and a streaming standby."""

    def __init__(self, lab):
        self.lab = lab
        self.primary = Postgres(lab, "primary", QUICKLY).initialize().start()
        self.primary.query("create database ctms", "postgres")
        self.client = prepare(lab, self.primary.url())
        self.primary.query(FILL)
        self.standby = Postgres(lab, "standby", QUICKLY).copy_of(self.primary).start()

    def stop(self):
        self.standby.stop()
        self.primary.stop()


class Scene:
    """One round. Leaving the context ends its programs and drops its database."""

    def __init__(self, cluster, seed):
        self.cluster, self.seed, self.lab = cluster, seed, cluster.lab
        self.primary, self.standby = cluster.primary, cluster.standby
        self.database = "round_" + uuid.uuid4().hex[:12]
        self.quiet = {shared_id(number) for number in range(QUIET, SHARED + 1, QUIET)}
        self.may_begin_again = False
        self.lock = threading.Lock()

    def __enter__(self):
        self.primary.query(f"create database {self.database} template ctms", "postgres")
        until(lambda: self.standby_has_it(), 30, "the standby has the database of the round")
        self.service = Service(self.lab, self.primary.url(database=self.database), CTMS_DB_READ_URL=self.standby.url(database=self.database),
                               CTMS_LOGGING_LEVEL="INFO").log_in(self.cluster.client)
        return self

    def __exit__(self, kind, value, trace):
        for process in self.service.processes:
            process.end()
        if kind is None:
            self.primary.query(f"drop database {self.database} with (force)", "postgres")

    def standby_has_it(self):
        try:
            return self.standby.value("select count(*) from ctms_changes", self.database) is not None
        except psycopg2.Error:
            return False

    def query(self, sql):
        return self.primary.query(sql, self.database)

    def value(self, sql):
        return self.primary.value(sql, self.database)

    def connect(self):
        """A connection of another program, which waits for nothing for longer than some seconds."""
        return psycopg2.connect(host="127.0.0.1", port=self.primary.port, dbname=self.database, user="postgres", connect_timeout=2,
                                options="-c lock_timeout=3s -c statement_timeout=10s")

    def admin_environment(self):
        return dict(os.environ, CTMS_DB_URL=self.primary.url(database=self.database))
