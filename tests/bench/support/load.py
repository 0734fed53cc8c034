# SPDX-License-Identifier: MPL-2.0
"""The load generators, wrk for ctms-web and pgbench for the database, and the parsing of their output."""
import glob
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
from dataclasses import dataclass

from .scene import DEFAULT_BIN, HERE, Failure

PGBENCH = shutil.which("pgbench") or next(iter(glob.glob("/usr/lib/postgresql/*/bin/pgbench")), "pgbench")
# The planner settings of the library's own sessions.
PGOPTIONS = "-c jit=off -c max_parallel_workers_per_gather=0 -c plan_cache_mode=force_generic_plan"

PAUSE = 0.2  # wrk exits without waiting for the last answers, which the server is still working on

SLOW = {"updates": 8, "token": 2}  # more connections would keep the server busy after the warm-up


@dataclass
class Load:
    """The result of a load generator."""
    rate: float      # requests (transactions) per second
    requests: int
    p50: float       # milliseconds
    p99: float       # milliseconds; nan from pgbench


@dataclass
class Answers:
    """What a flood got. It may be so hard that some of its requests are refused or get no answer in time."""
    rate: float      # answers per second
    refused: int     # answers outside of 200 to 399
    late: int        # requests that waited for more than 10 s


@dataclass
class Script:
    """A pgbench script and the values of its variables, as `name=value`."""
    path: str
    variables: list


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if not found:  # wrk prints -nan when there was nothing to measure
        raise Failure(f"invalid latency {text!r}")
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}[found[2]]


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    if not found:
        raise Failure(f"no /{pattern}/ in the output:\n{text}")
    return found[1]


def parse_wrk(text):
    requests = int(first(r"^\s*(\d+) requests in", text))
    if requests == 0 or "Non-2xx" in text or "Socket errors" in text:
        raise Failure("wrk reports:\n" + text)
    return Load(float(first(r"^Requests/sec:\s*([\d.]+)", text)), requests,
                milliseconds(first(r"^\s*50%\s+(\S+)", text)), milliseconds(first(r"^\s*99%\s+(\S+)", text)))


def parse_flood(text):
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if errors and any(int(count) for count in errors.groups()[:3]):
        raise Failure("wrk reports:\n" + text)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return Answers(float(first(r"^Requests/sec:\s*([\d.]+)", text)), int(refused[1]) if refused else 0, int(errors[4]) if errors else 0)


def parse_pgbench(text):
    failed = re.search(r"number of failed transactions: ([1-9]\d*)", text)
    if failed:
        raise Failure("pgbench reports:\n" + text)
    return Load(float(first(r"tps = ([\d.]+)", text)), int(first(r"transactions actually processed: (\d+)", text)),
                float(first(r"latency average = ([\d.]+) ms", text)), float("nan"))


def finish(process, limit):
    """Waits for a process and returns its output."""
    try:
        out, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise Failure(f"{process.args[0]} did not end") from late
    if process.returncode != 0:
        raise Failure(f"{process.args[0]} ended with {process.returncode}: {errors}{out}")
    return out


def twice(attempt):
    """Repeats a failed run once, because a failure may be due to a momentary condition of the machine."""
    try:
        return attempt()
    except Failure as failure:
        print(f"  retrying after a failure: {failure}", file=sys.stderr)
        return attempt()


class Generator:
    """Generates load on a database and on servers that use it."""

    def __init__(self, database, contacts):
        self.database, self.contacts = database, contacts
        self.token = database.token()
        self.form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": database.client_id,
                                            "client_secret": database.client_secret})

    def start_wrk(self, server, what, connections, seconds):
        env = dict(os.environ, BENCH=what, CONTACTS=str(self.contacts), TOKEN=self.form if what == "token" else self.token)
        return subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "--latency",
                                 "-s", os.path.join(HERE, "load.lua"), server.base],
                                env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wrk_once(self, server, what, connections, seconds):
        return parse_wrk(finish(self.start_wrk(server, what, connections, seconds), seconds + 60))

    def wrk(self, server, what, connections, seconds):
        load = twice(lambda: self.wrk_once(server, what, connections, seconds))
        time.sleep(PAUSE)
        return load

    def warm_up(self, server, what):
        """Fills the caches, opens all database connections and prepares their statements."""
        self.wrk(server, what, SLOW.get(what, 64), 1)

    def pgbench(self, script, connections, seconds):
        variables = [part for variable in (f"contacts={self.contacts}", *script.variables) for part in ("-D", variable)]
        command = [PGBENCH, "-n", "-M", "prepared", "-f", script.path, *variables, "-c", str(connections), "-j", "1",
                   "-T", str(max(1, round(seconds))), self.database.url]
        env = dict(os.environ, PGOPTIONS=PGOPTIONS)
        return twice(lambda: parse_pgbench(finish(subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE,
                                                                   stderr=subprocess.PIPE), seconds + 60)))

    def script(self, what):
        """Writes a pgbench script with the library's own statements."""
        program = os.path.join(self.database.bin, "bench-statements")
        if not os.path.exists(program):
            program = os.path.join(DEFAULT_BIN, "bench-statements")
        text = subprocess.run([program, what], check=True, text=True, stdout=subprocess.PIPE).stdout
        path = os.path.join(self.database.scratch, what + ".sql")
        with open(path, "w", encoding="utf8") as out:
            out.write(text)
        script = Script(path, re.findall(r"^-- (p\d+=.*)$", text, re.M))
        self.check(text, script.variables)
        return script

    def check(self, text, variables):
        """Checks that each statement finds something; otherwise pgbench would measure reads and writes of nothing."""
        values = [f"n={self.contacts}", f"h={self.contacts * 2654435761 % 2**32}"]
        values += [variable.replace("=", "='", 1) + "'" for variable in variables]  # psql inserts values literally
        for statement in text.splitlines():
            if not statement.startswith(("\\", "--")) and not self.database.sql_text(statement, values):
                raise Failure(f"a statement finds nothing: {statement}")
