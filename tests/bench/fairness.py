#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures how much one API client's flood of requests delays another one's reads.

    tests/bench/fairness.py [--contacts 20000] [--seconds 8] [--rounds 3] [--connections 64] [--rate 100]
                            [--floods updates patch bulk read] [--bin build/release/bin]
                            [--against DIR] [--fail-above RATIO]

One client reads contacts by id, --rate times per second, on four connections. Another one floods the server: with pages of /updates, with
writes of one contact or of 1,000 (bulk, on 4 connections), or with reads by id, as fast as it gets answers. Prints the median of each
round's p50 and p99 of the reads, alone and in each flood,
the quotient of the p99s, and the answers that the flood gets. With --against, other programs are measured in the same rounds. Exits with 1
if a p99 in a flood is more than RATIO times the one alone. Needs wrk and psql. Nothing else should run on the machine meanwhile.
"""
import argparse
import concurrent.futures
import http.client
import os
import random
import re
import statistics
import subprocess
import sys
import time

from support.contacts import id_of
from support.load import Generator, finish, first
from support.scene import DEFAULT_BIN, Database, Failure, Server, scratch_folder

READERS = 4  # connections of the client that reads
BULK_CONNECTIONS = 4  # the last of 64 lists would wait for longer than a request may


def read_steadily(server, token, contacts, seconds, pause):
    """Reads one contact after the other at fixed times. Returns the milliseconds that each took from when it was due."""
    seen = []
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    numbers = random.Random()
    due, end = time.monotonic() + numbers.random() * pause, time.monotonic() + seconds
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        link.request("GET", "/ctms/" + id_of(numbers.randint(1, contacts)), headers={"Authorization": "Bearer " + token})
        answer = link.getresponse()
        answer.read()
        if answer.status != 200:
            raise Failure(f"a read was answered with {answer.status}")
        seen.append(1000 * (time.monotonic() - due))
        due += pause
    link.close()
    return seen


def reads(server, token, contacts, seconds, rate):
    """Returns p50 and p99 in milliseconds."""
    with concurrent.futures.ThreadPoolExecutor(READERS) as threads:
        readers = [threads.submit(read_steadily, server, token, contacts, seconds, READERS / rate) for _ in range(READERS)]
        took = sorted(value for one in readers for value in one.result())  # raises what a reader raised
    if len(took) < 0.9 * seconds * rate:
        raise Failure("the reads came too late: the machine is too slow or too busy")
    return took[len(took) // 2], took[len(took) * 99 // 100]


class Side:
    """The programs of one folder, with their own database, a client that reads and one that floods."""

    def __init__(self, name, scratch, folder, contacts):
        self.name = name
        self.database = Database(scratch, folder, "data-" + name)
        self.database.load(contacts)
        self.flood = Generator(self.database, contacts)
        self.database.admin("clients", "create", "reader", "-e", "reader@example.com")
        self.token = self.database.admin("token", "reader", "--expires-in", "86400").strip()
        self.found = {}

    def measure(self, opts, what):
        """Measures reads in a flood of `what`, or alone if it is ""."""
        with Server(self.database) as server:
            connections = BULK_CONNECTIONS if what == "bulk" else opts.connections
            flood = self.flood.start_wrk(server, what, connections, opts.seconds + 6) if what else None
            rate = 0.0
            try:
                time.sleep(1)
                reads(server, self.token, opts.contacts, 2, opts.rate)  # the server opens its connections to the database
                p50, p99 = reads(server, self.token, opts.contacts, opts.seconds, opts.rate)
                if flood:
                    text = finish(flood, opts.seconds + 60)
                    if re.search("Socket errors|Non-2xx", text):
                        raise Failure("wrk reports:\n" + text)
                    rate = float(first(r"^Requests/sec:\s*([\d.]+)", text))
            finally:
                if flood and flood.poll() is None:
                    flood.kill()
                    flood.wait()
        self.found.setdefault(what, []).append((p50, p99, rate))

    def report(self, what):
        p50, p99, rate = (statistics.median(values) for values in zip(*self.found[what]))
        ratio = p99 / statistics.median(values[1] for values in self.found[""])
        print(f"{self.name:<9}{what or 'alone':<10}{p50:>8.2f} ms{p99:>9.2f} ms{ratio:>8.2f}x{rate:>11,.0f}/s", flush=True)
        return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--floods", nargs="+", default=["updates", "patch", "bulk", "read"])
    parser.add_argument("--rate", type=int, default=100, help="reads per second (default 100)")
    parser.add_argument("--bin", default=DEFAULT_BIN)
    parser.add_argument("--against")
    parser.add_argument("--fail-above", type=float)
    opts = parser.parse_args()
    with scratch_folder() as scratch:
        sides = [Side("ours", scratch, os.path.abspath(opts.bin), opts.contacts)]
        if opts.against:
            sides.append(Side("against", scratch, os.path.abspath(opts.against), opts.contacts))
        for _ in range(opts.rounds):
            for what in ["", *opts.floods]:
                for side in sides:
                    side.measure(opts, what)
        print(f"{'programs':<9}{'flood':<10}{'p50':>11}{'p99':>12}{'p99 to alone':>14}{'flood':>8}   load {os.getloadavg()[0]:.1f}")
        worst = 0.0
        for side in sides:
            ratios = [side.report(what) for what in ["", *opts.floods]]
            worst = max(worst, *ratios) if side is sides[0] else worst
            side.database.__exit__()
    if opts.fail_above and worst > opts.fail_above:
        sys.exit(f"fairness.py: a p99 is {worst:.2f} times the one alone")


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError, http.client.HTTPException, subprocess.SubprocessError) as problem:
        sys.exit(f"fairness.py: {problem}")
