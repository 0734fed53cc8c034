# SPDX-License-Identifier: MPL-2.0
"""The setup of a measurement: a temporary directory, an embedded PostgreSQL in it (fsync on), and programs that use it."""
import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import contacts

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_BIN = os.path.normpath(os.path.join(HERE, "../../build/release/bin"))
CLIENT = "bench"
OTHER_CLIENT = "other"  # for work beside that of the first
OTHER_DATABASE = ("CTMS_DB_URL", "CTMS_DB_URL_FILE", "CTMS_DATA_DIR", "CTMS_SECRET_KEY", "CTMS_SECRET_KEY_FILE")


class Failure(Exception):
    """A measurement failed."""


@contextlib.contextmanager
def scratch_folder():
    """A directory that is removed afterwards, together with everything that runs in it, even on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    path = tempfile.mkdtemp(prefix="ctms-bench.", dir="/var/tmp")
    os.chmod(path, 0o711)  # the embedded PostgreSQL's account must be able to enter it
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Database:
    """An embedded PostgreSQL with the CTMS tables. Programs connect to it by URL, as in production."""

    def __init__(self, scratch, bin_folder=DEFAULT_BIN, name="data"):
        self.scratch, self.bin = scratch, bin_folder
        self.data = os.path.join(scratch, name)
        clean = {key: value for key, value in os.environ.items() if key not in OTHER_DATABASE and not key.startswith("PG")}
        embedded = dict(clean, CTMS_DATA_DIR=self.data)
        # A psql that waits for input keeps the database up; it exits at the end of its input.
        command = [os.path.join(bin_folder, "ctms-admin"), "--embedded"]
        subprocess.run([*command, "migrate"], env=embedded, check=True, stdout=subprocess.DEVNULL)
        self.keeper = subprocess.Popen([*command, "db", "psql", "-qAtX"], env=embedded, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.keeper.stdin.write("show fsync;\n")
        self.keeper.stdin.flush()
        if self.keeper.stdout.readline().strip() != "on":
            raise Failure("the embedded database is not running, or its fsync is off")
        self.url = subprocess.run([*command, "db", "url"], env=embedded, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        self.env = dict(clean, CTMS_DB_URL=self.url, CTMS_SECRET_KEY=secrets.token_hex(32), CTMS_USE_MOZLOG="true")
        made = json.loads(self.admin("clients", "create", CLIENT, "-e", "bench@example.com", "--json"))
        self.client_id, self.client_secret = made["client_id"], made["client_secret"]
        self.admin("clients", "create", OTHER_CLIENT, "-e", "bench@example.com")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pid = self.postmaster()
        self.keeper.stdin.close()
        self.keeper.wait(60)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 60, "the database did not stop")
        shutil.rmtree(self.data, ignore_errors=True)

    def postmaster(self):
        for folder, _, files in os.walk(self.data):
            if "postmaster.pid" in files:
                with open(os.path.join(folder, "postmaster.pid"), encoding="ascii") as file:
                    return int(file.readline())
        raise Failure("the embedded database is not running")

    def psql(self, *arguments, text=None):
        out = subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", *arguments, self.url], check=True, text=True, input=text,
                             stdout=subprocess.PIPE)
        return out.stdout.strip()

    def sql(self, *commands):
        """Returns the output of SQL commands."""
        return self.psql(*(part for command in commands for part in ("-c", command)))

    def sql_file(self, path):
        return self.psql("-f", path)

    def sql_text(self, text, variables):
        """Returns the output of SQL with psql variables, each as `name=value`."""
        return self.psql(*(part for variable in variables for part in ("-v", variable)), text=text)

    def admin(self, *arguments):
        return subprocess.run([os.path.join(self.bin, "ctms-admin"), *arguments], env=self.env, check=True, text=True,
                              stdout=subprocess.PIPE).stdout

    def load(self, count):
        """Imports this many contacts and returns the number per second."""
        path = os.path.join(self.scratch, "contacts.ndjson")
        contacts.write(path, count)
        began = time.monotonic()
        self.admin("contacts", "import", path, "--no-sync")
        seconds = time.monotonic() - began
        os.unlink(path)
        if self.sql("select count(*) from emails") != str(count):
            raise Failure("the import did not store all contacts")
        if self.sql("select count(*) from pg_tables where tablename = 'ctms_documents'") != "0":  # older programs have none
            self.admin("db", "build-documents")
        self.settle()
        return count / seconds

    def settle(self):
        """Brings the tables into a state that does not depend on what ran before."""
        self.sql("vacuum analyze", "checkpoint")

    def token(self, client=CLIENT):
        """An access token that is valid for all measurements."""
        return self.admin("token", client, "--expires-in", "86400").strip()


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(what)
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_answering(port):
    """True when a server on this port answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            link.sendall(b"GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return link.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def requests_in_progress(port):
    """The requests in progress besides the one that asks."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as link:
        link.request("GET", "/metrics")
        text = link.getresponse().read().decode()
    return float(re.search(r"^ctms_requests_in_flight (\S+)$", text, re.M)[1]) - 1


class Server:
    """ctms-web on the loopback interface. It logs as usual, but to /dev/null, to leave the disk to the database."""

    def __init__(self, database, bin_folder=None, launcher=(), patience=60):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.command = [*launcher, os.path.join(bin_folder or database.bin, "ctms-web")]
        self.env = dict(database.env, HOST="127.0.0.1", PORT=str(self.port))
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        self.patience = patience

    def is_ready(self):
        if self.process.poll() is not None:
            why = subprocess.run(self.command, env=self.env, check=False, timeout=self.patience, text=True, stderr=subprocess.PIPE).stderr
            raise Failure("ctms-web ended: " + why[-2000:])
        return is_answering(self.port)

    def await_rest(self):
        """Waits until no request is in progress: clients that ended may have left some behind."""
        wait_until(lambda: requests_in_progress(self.port) <= 0, 90, "the server did not come to rest")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(max(40, self.patience))

    def __enter__(self):
        try:
            wait_until(self.is_ready, self.patience, "ctms-web did not start")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
