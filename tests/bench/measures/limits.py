# SPDX-License-Identifier: MPL-2.0
"""Measures that are compared with a fixed limit, or with the same measure without load."""
import contextlib
import http.client
import statistics
import time

from support.contacts import id_of
from support.load import twice
from support.other_work import updates_as_lines
from support.processes import memory_mib
from support.report import Row
from support.scene import Failure, Server
from support.token_clients import RIGHT, WRONG, asking

from .context import say

PAGE = 1000


def updates(bench):
    """Two clients read full pages from random points in time."""
    bench.warm_up("updates")
    found = {"ours": [], "against": []}
    for number in bench.rounds():
        for side in bench.sides_of(number):
            found[side.who].append(bench.wrk(side, "updates", 2).rate * PAGE)
        say(f"  round {number + 1}: {found['ours'][-1]:,.0f} contacts a second")
    yield Row("updates", "/updates, 1,000 a page, 2 clients: contacts", "/s", found["ours"], (), found["against"], wanted=50_000)


def lines_of(bench, server):
    """Returns the contacts per second when one client reads all of /updates as NDJSON."""
    began = time.monotonic()
    count = sum(updates_as_lines(server, bench.generator.token))
    return count / (time.monotonic() - began)


def lines(bench):
    """Reads all contacts as one stream, and measures the server's peak memory meanwhile."""
    rates, peaks = [], []
    for _ in range(bench.opts.rounds):
        with Server(bench.database) as server:
            rates.append(lines_of(bench, server))
            peaks.append(memory_mib(server.pid, "VmHWM"))
        say(f"  {rates[-1]:,.0f} contacts a second, at most {peaks[-1]:.1f} MiB")
    yield Row("lines", "/updates as NDJSON, 1 client: contacts", "/s", rates)
    yield Row("lines/memory", "/updates as NDJSON, memory at most", "MiB", peaks, wanted=40, at_least=False)


def beside_tokens(bench, side, flooded, what):
    """Runs `what` while clients request tokens with right secrets and, if `flooded`, others with wrong ones. Returns both results."""
    seconds = bench.opts.seconds + 2
    wrong = f"grant_type=client_credentials&client_id={side.database.client_id}&client_secret=wrong-%N"
    with contextlib.ExitStack() as stack:
        if flooded:
            stack.enter_context(asking(side.server, wrong, WRONG, seconds))
        right = stack.enter_context(asking(side.server, side.generator.form, RIGHT, seconds))
        time.sleep(1)
        out = what()
    return out, right


def token_flood(bench):
    """Measures the p99 of reads on 16 connections while 8 clients use right secrets, with and without a flood of wrong ones from other
    addresses; and how long a token takes during the flood."""
    bench.warm_up("read")
    calm, busy, against, latency, refused = [], [], [], [], []
    for number in bench.rounds():
        for side in bench.sides_of(number):
            def read(side=side):
                return bench.wrk(side, "read", 16)
            reads, _ = beside_tokens(bench, side, False, read)
            flooded, right = twice(lambda side=side, read=read: beside_tokens(bench, side, True, read))
            if side.who == "against":
                against.append(flooded.p99)
                continue
            _, unread = beside_tokens(bench, side, True, lambda: time.sleep(bench.opts.seconds))
            calm.append(reads.p99)
            busy.append(flooded.p99)
            latency.append(statistics.median(took for _, took in unread))
            refused.append(sum(status != 200 for status, _ in right + unread))
            say(f"  round {number + 1}: p99 of reads {reads.p99:.2f} ms beside tokens, {flooded.p99:.2f} ms in the flood; a token "
                f"{latency[-1]:.2f} ms, {refused[-1]} of {len(right) + len(unread)} refused")
    yield Row("token/p99", "p99 of reads beside 8 /token clients, in a flood of wrong secrets and without", "ms", busy, calm, against,
              wanted=1.5, at_least=False)
    yield Row("token/latency", "a token for a right secret in the flood, median", "ms", latency, wanted=1, at_least=False)
    yield Row("token/refused", "right secrets that got no token", "", refused, wanted=1, at_least=False)


def grown(bench, side, marks):
    """Returns the memory of a new server after each of these numbers of requests, and its peak."""
    done, found = 0, []
    with Server(side.database) as server:
        for mark in marks:
            while done < mark:
                done += side.generator.wrk(server, "mix", 64, 2 if bench.opts.quick else 5).requests
            found.append(memory_mib(server.pid))
            say(f"  {done:,} requests: {found[-1]:.1f} MiB, at most {memory_mib(server.pid, 'VmHWM'):.1f} MiB")
        found.append(memory_mib(server.pid, "VmHWM"))
    return found


def memory(bench):
    """Measures a new server with 64 connections: reads, with some lookups by address and some writes."""
    marks = [10_000, 50_000, 100_000] if bench.opts.quick else [100_000, 500_000, 1_000_000]
    found = {side.who: grown(bench, side, marks) for side in bench.sides}
    other = found.get("against", [None] * (len(marks) + 1))

    def listed(value):
        return [] if value is None else [value]
    for mark, ours, against in zip(marks, found["ours"], other):
        yield Row(f"memory/{mark}", f"memory after {mark:,} requests", "MiB", [ours], (), listed(against), wanted=40, at_least=False)
    yield Row("memory/flat", f"memory after {marks[-1]:,} requests, and after {marks[0]:,}", "MiB", [found["ours"][-2]], [found["ours"][0]],
              wanted=1.1, at_least=False)
    yield Row("memory/peak", "memory at most", "MiB", [found["ours"][-1]], (), listed(other[-1]))


def seconds_to_first_answer(side):
    """Seconds from the start of the process to the first 200 for an authenticated read; the database is already running."""
    began = time.monotonic()
    server = Server(side.database)
    try:
        while time.monotonic() < began + 30:
            link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            try:
                link.request("GET", "/ctms/" + id_of(1), headers={"Authorization": "Bearer " + side.generator.token})
                if link.getresponse().status == 200:
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.001)
            finally:
                link.close()
        raise Failure("no answer within 30 s of the start")
    finally:
        server.stop()


def start(bench):
    times = {"ours": [], "against": []}
    for _ in range(5 if bench.opts.quick else 10):
        for side in bench.sides:
            times[side.who].append(1000 * seconds_to_first_answer(side))
    yield Row("start", "start to first 200, database running", "ms", times["ours"], (), times["against"], wanted=100, at_least=False)
