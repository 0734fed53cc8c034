# SPDX-License-Identifier: MPL-2.0
"""The tools of the trials in tests/scale and tests/history: processes on the loopback interface in a temporary directory, which are ended by
their ids; PostgreSQL servers; and waiting for conditions with a deadline. As root, servers run as the account `postgres`,
because they refuse to run as root.
"""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import psycopg2

# The newest version of Debian's packages.
POSTGRES_BIN = os.environ.get("CTMS_PG_BINDIR") or max(
    glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), default="/usr/lib/postgresql")


class Failed(Exception):
    """A trial failed."""


def check(condition, what):
    if not condition:
        raise Failed(what)


def until(condition, seconds, what):
    """Returns the first true value of condition(). Raises Failed if there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Lab:
    """A temporary directory and the processes in it. Leaving the context ends them, latest first, and removes the directory."""

    def __init__(self, bin_folder, keep=False):
        """`keep`: whether the directory stays after a failure."""
        self.bin, self.keep = os.path.abspath(bin_folder), keep
        self.directory = tempfile.mkdtemp(prefix="ctms-lab.", dir="/var/tmp")
        self.account = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self.account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self.processes = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, name, command, env=None, as_server=True):
        """Starts a process in its own session, with its output in NAME.log."""
        process = Process(name, command, self.path(name + ".log"), env or {}, self.directory, self.account if as_server else {})
        self.processes.append(process)
        return process

    def spawn_program(self, name, command, env):
        """The same for a program of CTMS, which may run as root."""
        return self.spawn(name, command, env, as_server=False)

    def run(self, *command, env=None, as_server=True, timeout=120):
        done = subprocess.run(command, env=dict(os.environ, **(env or {})), text=True, capture_output=True, timeout=timeout, cwd=self.directory,
                              check=False, **(self.account if as_server else {}))
        check(done.returncode == 0, f"{os.path.basename(command[0])} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for process in reversed(self.processes):
            process.end()
        if kind is None or not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print(f"kept: {self.directory}")


class Process:
    def __init__(self, name, command, log, env, directory, account):
        self.name, self.log = name, log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(command, env=dict(os.environ, **env), stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                          cwd=directory, start_new_session=True, **account)

    def running(self):
        return self.child.poll() is None

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=30):
        self.send(signal.SIGCONT)
        self.send(number)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class PipedProcess(Process):
    """A process whose log goes through a pipe, which may stall or lose its reader."""

    def __init__(self, name, command, log, env, directory):
        self.name, self.log, self.reads = name, log, threading.Event()
        self.reads.set()
        self.child = subprocess.Popen(command, env=dict(os.environ, **env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, cwd=directory, start_new_session=True)
        self.gone = False
        threading.Thread(target=self.copy, daemon=True).start()

    def copy(self):
        with open(self.log, "ab") as out:
            while not self.gone and (piece := os.read(self.child.stdout.fileno(), 65536)):
                out.write(piece)
                out.flush()
                self.reads.wait()
        self.child.stdout.close()


def query(port, sql, database="ctms", user="postgres", password=None, connect_timeout=60):
    """Runs a statement on a new connection. Returns its rows, or None if it returns none. `connect_timeout`: in seconds."""
    with contextlib.closing(psycopg2.connect(host="127.0.0.1", port=port, dbname=database, user=user, password=password, connect_timeout=connect_timeout,
                                             application_name="trial")) as link:
        link.autocommit = True
        cursor = link.cursor()
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def answers(port, sql="select 1", database="postgres"):
    """Returns the first cell, or None if the server does not answer."""
    try:
        return query(port, sql, database, connect_timeout=2)[0][0]
    except psycopg2.Error:
        return None


SERVER_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
cluster_name = '{name}'
max_connections = 100
shared_buffers = 64MB
hot_standby_feedback = off
wal_keep_size = 256MB
wal_log_hints = on
"""


class Postgres:
    """A PostgreSQL server with its data in the lab's subdirectory NAME."""

    def __init__(self, lab, name, settings="", data=None):
        """`settings`: further lines for postgresql.conf. `data`: the directory, if it is not in the lab's."""
        self.lab, self.name, self.port, self.settings = lab, name, free_port(), settings
        self.data = data or lab.path(name)
        self.process, self.env = None, {}

    def program(self, name):
        return os.path.join(POSTGRES_BIN, name)

    def initialize(self):
        self.lab.run(self.program("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
        return self

    def copy_of(self, primary):
        self.lab.run(self.program("pg_basebackup"), "-D", self.data, "-X", "stream", "-c", "fast", "--no-sync", "-R", "-d",
                     f"host=127.0.0.1 port={primary.port} user=postgres application_name={self.name}")
        return self

    def start(self):
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SERVER_SETTINGS.format(port=self.port, name=self.name) + self.settings)
        self.process = self.lab.spawn(self.name, [self.program("postgres"), "-D", self.data], self.env)
        until(lambda: answers(self.port), 60, f"{self.name} answers")
        return self

    def stop(self):
        self.process.end(signal.SIGINT, 120)

    def crash(self):
        """Ends the server immediately, without writing data back and without finishing clients' transactions."""
        self.process.end(signal.SIGQUIT)

    def kill(self):
        """Ends the server and all its processes with SIGKILL. Sessions that begin meanwhile are found by their directory. A server does not
        start while a process of an earlier one lives."""
        self.process.end(signal.SIGKILL)
        until(lambda: not self.kill_rest(), 10, f"all processes of {self.name} have ended")

    def kill_rest(self):
        """Kills the processes that are left. Returns whether there were any."""
        left, data = False, os.path.realpath(self.data)
        for place in glob.glob("/proc/[0-9]*/cwd"):
            with contextlib.suppress(OSError):  # it has ended
                if os.readlink(place) == data:
                    left = True
                    os.kill(int(place.split("/")[2]), signal.SIGKILL)
        return left

    def freeze(self, on):
        """Stops all its processes, as on a machine that hangs, or continues them."""
        for pid in [self.process.child.pid, *children_of(self.process.child.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def promote(self):
        query(self.port, "select pg_promote(true, 30)", "postgres")

    def query(self, sql, database="ctms"):
        return query(self.port, sql, database)

    def value(self, sql, database="ctms"):
        return query(self.port, sql, database)[0][0]

    def url(self, more="", database="ctms", port=None):
        """`port`: that of a proxy in front of the server, if there is one."""
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/{database}{more}"


def children_of(parent):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], text=True, capture_output=True, check=False).stdout
    return [int(pid) for pid in out.split()]


def catch_up(primary, standby):
    """Waits until the standby has replayed what the primary has written."""
    position = primary.value("select pg_current_wal_lsn()")
    until(lambda: standby.value(f"select pg_last_wal_replay_lsn() >= '{position}'", "postgres"), 30, "the standby catches up")
