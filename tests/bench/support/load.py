# SPDX-License-Identifier: MPL-2.0
"""The load generators: wrk against ctms-web, pgbench against the database, and what they say."""
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
from dataclasses import dataclass

from .scene import DEFAULT_BIN, HERE, Failure

PGBENCH = shutil.which("pgbench") or "/usr/lib/postgresql/15/bin/pgbench"
# The planner's settings of the library's own sessions.
PGOPTIONS = "-c jit=off -c plan_cache_mode=force_generic_plan"

PAUSE = 0.2  # wrk leaves without waiting for the last answers, on which the server still works

SLOW = {"updates": 8, "token": 2}  # with more connections they would still be busy with them when the measurement begins


@dataclass
class Load:
    """What a load generator saw."""
    rate: float      # requests (transactions) a second
    requests: int
    p50: float       # milliseconds
    p99: float       # milliseconds; nan from pgbench


@dataclass
class Script:
    """What pgbench runs, and the values of its variables, `name=value` each."""
    path: str
    variables: list


def milliseconds(text):
    found = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text)
    if not found:  # wrk prints -nan when there was nothing to measure
        raise Failure(f"a latency of {text!r}")
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


def parse_pgbench(text):
    failed = re.search(r"number of failed transactions: ([1-9]\d*)", text)
    if failed:
        raise Failure("pgbench reports:\n" + text)
    return Load(float(first(r"tps = ([\d.]+)", text)), int(first(r"transactions actually processed: (\d+)", text)),
                float(first(r"latency average = ([\d.]+) ms", text)), float("nan"))


def finish(process, limit):
    """What it printed."""
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
    """A run that fails is repeated once: a machine has bad moments."""
    try:
        return attempt()
    except Failure as failure:
        print(f"  again, for it failed: {failure}", file=sys.stderr)
        return attempt()


class Generator:
    """Makes load on a database and on servers that use it."""

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

    def wrk(self, server, what, connections, seconds):
        load = twice(lambda: parse_wrk(finish(self.start_wrk(server, what, connections, seconds), seconds + 60)))
        time.sleep(PAUSE)
        return load

    def warm_up(self, server, what):
        """Fills caches, opens all connections to the database and prepares their statements."""
        self.wrk(server, what, SLOW.get(what, 64), 1)

    def pgbench(self, script, connections, seconds):
        variables = [part for variable in (f"contacts={self.contacts}", *script.variables) for part in ("-D", variable)]
        command = [PGBENCH, "-n", "-M", "prepared", "-f", script.path, *variables, "-c", str(connections), "-j", "1",
                   "-T", str(max(1, round(seconds))), self.database.url]
        env = dict(os.environ, PGOPTIONS=PGOPTIONS)
        return twice(lambda: parse_pgbench(finish(subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE,
                                                                   stderr=subprocess.PIPE), seconds + 60)))

    def script(self, what):
        """The library's own statements for pgbench."""
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
        """Each statement must find something: pgbench would be quick to read or write nothing."""
        values = [f"n={self.contacts}", f"h={self.contacts * 2654435761 % 2**32}"]
        values += [variable.replace("=", "='", 1) + "'" for variable in variables]  # psql puts them in as they are
        for statement in text.splitlines():
            if not statement.startswith(("\\", "--")) and not self.database.sql_text(statement, values):
                raise Failure(f"a statement finds nothing: {statement}")
