# SPDX-License-Identifier: MPL-2.0
"""The servers of a round: PostgreSQL with a standby, two ctms-web, ctms-sync, the simulated vendor, and a proxy on each way."""
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import uuid

import psycopg2

from actor import Actor
from lab import Failed, Lab, Postgres, check, until
from proxy import Proxy
from service import KEY, Service, prepare

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

# What a process wrote survives its end without fsync, and no round ends the machine.
SETTINGS = """
fsync = off
max_wal_size = 64MB
min_wal_size = 32MB
wal_keep_size = 16MB
"""


def shared_id(number):
    return f"00000000-0000-4000-8000-{number:012}"


# The library of Debian's package faketime takes the difference from a file at each call.
FAKETIME = {"LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Cluster:
    """PostgreSQL with a migrated database and API clients, which each round copies; and a streaming standby."""

    @staticmethod
    def why_not():
        return None

    def __init__(self, lab):
        self.lab, self.number = lab, len(lab.processes)
        self.primary = self.make_primary(f"primary-{self.number}")
        self.primary.initialize().start()
        self.primary.query("create database ctms", "postgres")
        self.client = prepare(lab, self.primary.url())
        self.reading_client = prepare(lab, self.primary.url(), "reader", "--role", "read")
        for field in ("first_name", "email_id"):
            lab.run(os.path.join(lab.bin, "ctms-admin"), "acoustic-fields", "add", field, env={"CTMS_DB_URL": self.primary.url()}, as_server=False)
        self.primary.query(FILL)
        self.standby = Postgres(lab, f"standby-{self.number}", SETTINGS).copy_of(self.primary).start()

    def make_primary(self, name):
        return Postgres(self.lab, name, SETTINGS)

    def stop(self):
        self.standby.stop()
        self.primary.stop()


class ClusterWithClock(Cluster):
    """The clock of its primary can be set."""

    def make_primary(self, name):
        out = Postgres(self.lab, name, SETTINGS)
        self.clock = self.lab.write(name + ".clock", "+0\n")
        out.env = {**FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.clock}
        return out

    def set_clock(self, seconds):
        self.lab.write(os.path.basename(self.clock), f"{seconds:+d}\n")


class ClusterOnSmallDisk(Cluster):
    """The files of its primary are on a disk of their own, which can be filled. Mounting it needs root."""

    SIZE = "400m"

    @staticmethod
    def why_not():
        """Why there can be no such disk here, or None."""
        with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
            if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], capture_output=True, check=False).returncode:
                return "a disk cannot be mounted here"
            subprocess.run(["umount", directory], check=True)
        return None

    def make_primary(self, name):
        self.disk = self.lab.path(name + ".disk")
        os.mkdir(self.disk)
        owner = self.lab.account
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.SIZE},uid={owner['user']},gid={owner['group']}", "tmpfs", self.disk], check=True)
        return Postgres(self.lab, name, SETTINGS, os.path.join(self.disk, "data"))

    def ballast(self):
        return os.path.join(self.disk, "ballast")

    def fill(self):
        with open(self.ballast(), "wb", buffering=0) as file:
            with contextlib.suppress(OSError):  # it is full
                while True:
                    file.write(bytes(65536))

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.ballast())

    def stop(self):
        self.free()
        super().stop()
        subprocess.run(["umount", "--lazy", self.disk], check=True)


class Vendor:
    """The simulated vendor, through a proxy."""

    def __init__(self, scene):
        lab = scene.lab
        self.process = lab.spawn(f"vendor-{len(lab.processes)}", [os.path.join(lab.bin, "fake-acoustic"), "--port", "0"], as_server=False)
        self.port = int(until(lambda: re.search(r"Listening on \S+:(\d+)", self.process.text()), 120, "the vendor listens")[1])
        facts = lab.run(os.path.join(lab.bin, "fake-acoustic"), "--help", as_server=False)
        client, secret, token, main, newsletters, products = re.search(
            r"client (\S+), secret (\S+), refresh token (\S+). Tables: (\S+) main, (\S+) newsletters, (\S+) products", facts).groups()
        self.settings = {"CTMS_ACOUSTIC_SYNC_PAUSED": "false", "CTMS_ACOUSTIC_SYNC_FEATURE_FLAG": "true",
                         "CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG": "true",
                         # Calls have no order: one that arrived late could overwrite a newer row, and nobody could prevent it.
                         "CTMS_ACOUSTIC_BASE_URL": f"http://127.0.0.1:{scene.proxy(self.port, late=False).port}",
                         "CTMS_ACOUSTIC_CLIENT_ID": client, "CTMS_ACOUSTIC_CLIENT_SECRET": secret, "CTMS_ACOUSTIC_REFRESH_TOKEN": token,
                         "CTMS_ACOUSTIC_MAIN_TABLE_ID": main, "CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID": newsletters,
                         "CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID": products, "CTMS_ACOUSTIC_BATCH_LIMIT": "100", "CTMS_ACOUSTIC_LOOP_MIN_SECS": "1",
                         "CTMS_ACOUSTIC_RETRY_WAIT_S": "1", "CTMS_ACOUSTIC_RETRY_LIMIT": "50", "CTMS_ACOUSTIC_LEASE_S": "24",
                         "CTMS_ACOUSTIC_TIMEOUT_S": "2"}

    def contacts(self):
        """The rows of its main table, by email_id."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as link:
            link.request("GET", "/state?full=1")
            rows = json.load(link.getresponse())["contact_rows"]
        return {row["email_id"]: row for row in rows}


class Sync:
    """ctms-sync. It delivers to webhooks, and sends to the vendor if there is one; otherwise it keeps the queue."""

    def __init__(self, lab, url, vendor, spawn=None, **settings):
        """`spawn`: as for Service."""
        self.lab, self.spawn = lab, spawn or Lab.spawn_program
        self.env = {"CTMS_DB_URL": url, "CTMS_SECRET_KEY": KEY, "CTMS_WEBHOOKS": "true", "CTMS_WEBHOOK_TIMEOUT_S": "2",
                    "CTMS_ACOUSTIC_SYNC_PAUSED": "true", "CTMS_LOGGING_LEVEL": "INFO", **(vendor.settings if vendor else {}), **settings}
        self.start()

    def start(self):
        self.process = self.spawn(self.lab, f"ctms-sync-{len(self.lab.processes)}", [os.path.join(self.lab.bin, "ctms-sync")], self.env)

    def end(self):
        self.process.end(seconds=90)
        check(self.process.child.returncode == 0, f"ctms-sync ended with {self.process.child.returncode}: {self.process.text()[-2000:]}")


class Supervisor(Actor):
    """Starts programs again that were killed, or that ended because they found no database at their start."""

    pause = 0.3
    EXPECTED = (-signal.SIGKILL, 69)

    def step(self):
        scene = self.scene
        if self.has_ended(scene.sync.process):
            scene.sync.start()
        for number, process in enumerate(scene.service.processes):
            if self.has_ended(process):
                with contextlib.suppress(Failed):  # it has ended again: next time
                    scene.service.replace(number)

    def has_ended(self, process):
        if process.running():
            return False
        code = process.child.returncode
        self.expect(code in self.EXPECTED, f"{process.name} ended with {code}: {process.text()[-2000:]}")
        return True


class Scene:
    """One round. Leaving the context ends its programs and drops its database."""

    def __init__(self, cluster, seed, fault, with_vendor):
        """`fault`: a class of faults.py, which says how the programs are started. `with_vendor`: whether ctms-sync sends to a vendor, unless
        the fault does not allow it."""
        self.cluster, self.seed, self.lab, self.fault = cluster, seed, cluster.lab, fault
        self.with_vendor = with_vendor and fault.with_vendor
        self.database = "round_" + uuid.uuid4().hex[:12]
        self.quiet = {shared_id(number) for number in range(QUIET, SHARED + 1, QUIET)}
        self.may_begin_again = False  # whether the feed may forget deletions and refuse a cursor
        self.clients, self.proxies = [], []
        self.sync = self.vendor = None

    @property
    def primary(self):
        return self.cluster.primary

    @property
    def standby(self):
        return self.cluster.standby

    def proxy(self, port, late=True):
        self.proxies.append(Proxy(port, late))
        return self.proxies[-1]

    def __enter__(self):
        self.primary.query(f"create database {self.database} template ctms", "postgres")
        # PostgreSQL 15 and later copy a sequence as it is, without a new record in the WAL for the values that it may give next. Until the
        # next checkpoint, a crash then makes it give the same values again.
        self.primary.query("checkpoint", "postgres")
        until(self.standby_has_it, 120, "the standby has the database of the round")
        self.web_proxy, self.sync_proxy = self.proxy(self.primary.port), self.proxy(self.primary.port)
        self.service = Service(self.lab, self.fault.database_url(self, self.web_proxy.port), spawn=self.fault.spawn_web,
                               CTMS_DB_READ_URL=self.standby.url(database=self.database), CTMS_DB_POOL_TIMEOUT_IN_SECONDS="5",
                               CTMS_TOKEN_EXPIRATION="P300D", **self.fault.environment).log_in(self.cluster.reading_client)
        self.read_token = self.service.token
        self.service.token = None
        self.service.log_in(self.cluster.client)
        if self.with_vendor:
            self.vendor = Vendor(self)
        self.sync = Sync(self.lab, self.fault.database_url(self, self.sync_proxy.port), self.vendor)
        return self

    def __exit__(self, kind, value, trace):
        for process in self.service.processes:
            process.end()
        try:
            if self.sync:
                self.sync.end()
        finally:
            if self.vendor:
                self.vendor.process.end()
            for proxy in self.proxies:
                proxy.end()
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
