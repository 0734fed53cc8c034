# SPDX-License-Identifier: MPL-2.0
"""The whole system of a soak: ctms-web and ctms-sync with an embedded PostgreSQL, and the simulated vendor. Takes the place of the scene of
tests/history for its readers and writers.
"""
import collections
import json
import os
import subprocess
import threading
import types

import psycopg2

import scene
from lab import Process, check, until
from service import Service, prepare
from writers import new_contact

PRESENT = 0.8  # the share of the contacts that exist in the long run, with the writers of load.py


def whole_contact(number, name):
    """A contact with rows in several tables. Nobody adds or removes some of them later."""
    return {**new_contact(f"shared-{number}@example.com", name, scene.shared_id(number)), "amo": {"display_name": name}, "waitlists": [{"name": "v"}]}


class WatchedProcess(Process):
    """A process whose log is read. It counts errors, and keeps the first lines and what is worse than information, up to a bound."""

    FIRST, MOST = 50, 5000
    ERROR, WARNING = 3, 4  # severities of MozLog

    def __init__(self, lab, name, command, env):
        self.name, self.log, self.errors, self.kept = name, lab.path(name + ".log"), 0, 0
        self.last_errors = collections.deque(maxlen=3)
        self.child = subprocess.Popen(command, env=dict(os.environ, **env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, cwd=lab.directory, start_new_session=True)
        open(self.log, "wb").close()
        threading.Thread(target=self.read, daemon=True).start()
        lab.processes.append(self)

    def read(self):
        with open(self.log, "ab", buffering=0) as out, self.child.stdout as lines:
            for line in lines:
                severity = self.severity(line)
                if severity <= self.ERROR:
                    self.errors += 1
                    self.last_errors.append(line.decode(errors="replace"))
                if self.kept < self.FIRST or severity <= self.WARNING and self.kept < self.MOST:
                    self.kept += 1
                    out.write(line)

    def severity(self, line):
        try:
            return json.loads(line)["Severity"]
        except (ValueError, KeyError, TypeError):
            return self.ERROR  # every line is MozLog


class Direct:
    """In place of a proxy, which would disturb connections."""

    def __init__(self, port):
        self.port = port


class System:
    """`contacts`: the number of ids that contacts may have. The same ids are used again and again, so that what is stored does not grow."""

    fault = types.SimpleNamespace(times_lie=False)
    quiet = frozenset()
    may_begin_again = False
    database = "soak"

    def __init__(self, lab, contacts, seed):
        self.lab, self.contacts, self.seed = lab, contacts, seed
        self.env = {"CTMS_DB_URL": "", "CTMS_DATA_DIR": lab.path("data")}
        self.client = prepare(lab, "", **self.env)
        self.read_client = prepare(lab, "", "reader", "--role", "read", **self.env)
        self.service = Service(lab, "", count=1, spawn=WatchedProcess, CTMS_TOKEN_EXPIRATION="P300D", **self.env).log_in(self.read_client)
        self.read_token, self.service.token = self.service.token, None
        self.service.log_in(self.client)
        self.url = self.admin("db", "url").strip()
        for field in ("email_id", "first_name"):
            self.admin("acoustic-fields", "add", field)
        self.fill()
        self.vendor = scene.Vendor(self)
        usual = {"CTMS_ACOUSTIC_TIMEOUT_S": "5", "CTMS_ACOUSTIC_LEASE_S": "300", "CTMS_WEBHOOK_TIMEOUT_S": "15"}
        self.sync = scene.Sync(lab, "", self.vendor, spawn=WatchedProcess, **usual, **self.env)

    def fill(self):
        """Creates all contacts once, so that each has left its traces, and deletes some."""
        contacts = [whole_contact(number, "first") for number in range(1, self.contacts + 1)]
        self.admin("contacts", "import", self.lab.write("contacts.ndjson", "".join(json.dumps(one) + "\n" for one in contacts)))
        gone = [one["email"]["primary_email"] + "\n" for one in contacts[int(PRESENT * self.contacts):]]
        self.admin("contacts", "delete-bulk", "--yes", self.lab.write("gone.txt", "".join(gone)))

    @property
    def web(self):
        return self.service.processes[0]

    def programs(self):
        return {"web": self.web, "sync": self.sync.process, "vendor": self.vendor.process}

    def postmaster(self):
        with open(os.path.join(self.env["CTMS_DATA_DIR"], "postgres", "postmaster.pid"), encoding="ascii") as file:
            return int(file.readline())

    def check_programs(self):
        for process in self.programs().values():
            check(process.running(), f"{process.name} ended with {process.child.returncode}: {process.text()[-2000:]}")

    def proxy(self, port, **_):
        return Direct(port)

    def admin_environment(self):
        return dict(os.environ, **self.env)

    def admin(self, *arguments, fine=(0,)):
        """Runs ctms-admin. `fine`: the exit codes that are expected."""
        done = subprocess.run([os.path.join(self.lab.bin, "ctms-admin"), *arguments], env=self.admin_environment(), stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, timeout=300, cwd=self.lab.directory, start_new_session=True, check=False)
        check(done.returncode in fine, f"ctms-admin {' '.join(arguments)}: {done.returncode} {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def query(self, sql):
        link = psycopg2.connect(self.url, connect_timeout=10, application_name="soak")
        try:
            link.autocommit = True
            cursor = link.cursor()
            cursor.execute(sql)
            return cursor.fetchall()
        finally:
            link.close()

    def value(self, sql):
        return self.query(sql)[0][0]

    def compare_vendor(self, state):
        """Returns how the contacts at the vendor differ from those that are stored, when nothing waits any more."""
        until(lambda: not self.value("select count(*) from ctms_sync_queue"), 120, "the queue is empty")
        there = {email_id: row.get("first_name") for email_id, row in self.vendor.contacts().items()}
        stored = {email_id: contact["first_name"] for email_id, contact in state.contacts.items()}
        return [f"the vendor has {there.get(email_id)} of {email_id}, stored is {stored.get(email_id)}"
                for email_id in there.keys() | stored.keys() if there.get(email_id) != stored.get(email_id)]

    def end(self):
        self.sync.end()
        self.service.end()
        self.vendor.process.end()
