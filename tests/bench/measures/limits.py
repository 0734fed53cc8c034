# SPDX-License-Identifier: MPL-2.0
"""What is compared with a fixed limit, or with itself at rest."""
import http.client
import time

from support.contacts import id_of
from support.load import finish, parse_wrk, twice
from support.processes import memory_mib
from support.report import Row
from support.scene import Failure, Server

from .context import say

PAGE = 1000


def updates(bench):
    """Full pages from anywhere in the span of time, two clients."""
    bench.warm_up("updates")
    found = {"ours": [], "against": []}
    for number in bench.rounds():
        for server, who in bench.servers(number):
            found[who].append(bench.wrk(server, "updates", 2).rate * PAGE)
        say(f"  round {number + 1}: {found['ours'][-1]:,.0f} contacts a second")
    yield Row("updates", "/updates, 1,000 a page, 2 clients: contacts", "/s", found["ours"], (), found["against"], wanted=50_000)


def lines_of(bench, server):
    """Contacts a second of all of /updates as NDJSON, one client."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    began, count = time.monotonic(), 0
    try:
        link.request("GET", "/updates?start=2001-01-01T00:00:00Z",
                     headers={"Authorization": "Bearer " + bench.generator.token, "Accept": "application/x-ndjson"})
        answer = link.getresponse()
        if answer.status != 200:
            raise Failure(f"/updates as lines: {answer.status}")
        while part := answer.read(1 << 16):
            count += part.count(b"\n")
    finally:
        link.close()
    return count / (time.monotonic() - began)


def lines(bench):
    """The same contacts as one stream, and what the server holds in memory meanwhile."""
    rates, peaks = [], []
    for _ in range(bench.opts.rounds):
        with Server(bench.database, bench.opts.bin) as server:
            rates.append(lines_of(bench, server))
            peaks.append(memory_mib(server.pid, "VmHWM"))
        say(f"  {rates[-1]:,.0f} contacts a second, at most {peaks[-1]:.1f} MiB")
    yield Row("lines", "/updates as NDJSON, 1 client: contacts", "/s", rates)
    yield Row("lines/memory", "/updates as NDJSON, memory at most", "MiB", peaks, wanted=40, at_least=False)


def wait_for_hashes(server):
    """Until the passwords that a flood left behind are checked: they are checked one after another."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        link.request("POST", "/token", "grant_type=client_credentials&client_id=nobody&client_secret=none",
                     {"Content-Type": "application/x-www-form-urlencoded"})
        link.getresponse().read()
    finally:
        link.close()


def flooded(bench, server):
    """Reads while 8 clients ask for tokens: the loads of both."""
    flood = bench.generator.start_wrk(server, "token", 8, bench.opts.seconds + 1)
    try:
        time.sleep(0.5)
        reads = bench.wrk(server, "read", 16)
        return reads, parse_wrk(finish(flood, bench.opts.seconds + 60))
    except BaseException:
        flood.kill()
        flood.wait()
        raise


def token_flood(bench):
    """p99 of reads, 16 connections, without and with clients that ask for tokens: a password hash costs a tenth of a second."""
    bench.warm_up("read")
    calm, busy, tokens, against = [], [], [], []
    for number in bench.rounds():
        for server, who in bench.servers(number):
            wait_for_hashes(server)
            quiet = bench.wrk(server, "read", 16)
            reads, asked = twice(lambda: flooded(bench, server))
            if who == "against":
                against.append(reads.p99)
                continue
            calm.append(quiet.p99)
            busy.append(reads.p99)
            tokens.append(asked.rate)
            say(f"  round {number + 1}: p99 {quiet.p99:.2f} ms, {reads.p99:.2f} ms beside {asked.rate:.1f} tokens a second")
    yield Row("token/p99", "p99 of reads beside 8 /token clients, and without", "ms", busy, calm, against)
    yield Row("token/rate", "tokens given out meanwhile", "/s", tokens)


def grown(bench, folder, marks):
    """Memory of a fresh server after so many requests each."""
    done, found = 0, []
    with Server(bench.database, folder) as server:
        for mark in marks:
            while done < mark:
                done += bench.generator.wrk(server, "mix", 64, 2 if bench.opts.quick else 5).requests
            found.append(memory_mib(server.pid))
            say(f"  {done:,} requests: {found[-1]:.1f} MiB, at most {memory_mib(server.pid, 'VmHWM'):.1f} MiB")
        found.append(memory_mib(server.pid, "VmHWM"))
    return found


def memory(bench):
    """A fresh server, 64 connections, reads with some lookups by address and some writes among them."""
    marks = [10_000, 50_000, 100_000] if bench.opts.quick else [100_000, 500_000, 1_000_000]
    found = {who: grown(bench, folder, marks) for folder, who in bench.binaries()}
    other = found.get("against", [None] * (len(marks) + 1))

    def listed(value):
        return [] if value is None else [value]
    for mark, ours, against in zip(marks, found["ours"], other):
        yield Row(f"memory/{mark}", f"memory after {mark:,} requests", "MiB", [ours], (), listed(against), wanted=40, at_least=False)
    yield Row("memory/flat", f"memory after {marks[-1]:,} requests, and after {marks[0]:,}", "MiB", [found["ours"][-2]], [found["ours"][0]],
              wanted=1.1, at_least=False)
    yield Row("memory/peak", "memory at most", "MiB", [found["ours"][-1]], (), listed(other[-1]))


def seconds_to_first_answer(bench, folder):
    """From the start of the process to the first 200 of an authenticated read; the database runs."""
    began = time.monotonic()
    server = Server(bench.database, folder)
    try:
        while time.monotonic() < began + 30:
            link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            try:
                link.request("GET", "/ctms/" + id_of(1), headers={"Authorization": "Bearer " + bench.generator.token})
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
        for folder, who in bench.binaries():
            times[who].append(1000 * seconds_to_first_answer(bench, folder))
    yield Row("start", "start to first 200, database running", "ms", times["ours"], (), times["against"], wanted=100, at_least=False)
