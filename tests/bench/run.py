#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures ctms-web beside pgbench, which runs the statements of the library on the same database.

    tests/bench/run.py [--contacts 200000] [--rounds 5] [--seconds 4] [--bin build/release/bin]

Starts a ctms-web with a database of its own on the loopback (fsync on), fills it, and measures the two in turn; prints
medians and ratios. Needs wrk and pgbench. Nothing else should run meanwhile.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))


def start_server(opts, scratch):
    env = dict(os.environ, CTMS_DATA_DIR=os.path.join(scratch, "data"), HOST="127.0.0.1", PORT="0", CTMS_USE_MOZLOG="true")
    env.pop("CTMS_DB_URL", None)
    log = open(os.path.join(scratch, "log"), "wb")
    server = subprocess.Popen([os.path.join(opts.bin, "ctms-web"), "--embedded"], env=env, stderr=log)
    for _ in range(600):
        found = re.search(rb'"port":(\d+).*"Listening"', open(log.name, "rb").read())
        if found:
            return server, f"http://127.0.0.1:{found[1].decode()}", env
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit("ctms-web did not start: " + open(log.name).read())


def admin(opts, env, *arguments):
    return subprocess.run([os.path.join(opts.bin, "ctms-admin"), "--embedded", *arguments], env=env, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def token(base, client):
    form = urllib.parse.urlencode({"client_id": client["client_id"], "client_secret": client["client_secret"]}).encode()
    return json.load(urllib.request.urlopen(base + "/token", form))["access_token"]


def lines(base, access_token):
    """Contacts a second of /updates as lines, one client."""
    request = urllib.request.Request(base + "/updates?start=2001-01-01T00:00:00Z",
                                     headers={"Authorization": "Bearer " + access_token, "Accept": "application/x-ndjson"})
    began, count = time.monotonic(), 0
    with urllib.request.urlopen(request) as answer:
        while part := answer.read(1 << 16):
            count += part.count(b"\n")
    return count / (time.monotonic() - began)


def milliseconds(text):
    value, unit = re.match(r"([\d.]+)(us|ms|s)", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def wrk(opts, base, what, connections, access_token):
    env = dict(os.environ, BENCH=what, CONTACTS=str(opts.contacts), TOKEN=access_token)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{opts.seconds}s", "--latency", "-s", os.path.join(HERE, "load.lua"), base],
                         env=env, check=True, text=True, stdout=subprocess.PIPE).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        print(out, file=sys.stderr)
    if " 0 requests in" in out:
        sys.exit(f"{what}: no answer at all within {opts.seconds} seconds")
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1])
    return rate, milliseconds(re.search(r"50%\s+(\S+)", out)[1]), milliseconds(re.search(r"99%\s+(\S+)", out)[1])


def pgbench(opts, url, script, connections):
    out = subprocess.run([opts.pgbench, "-n", "-M", "prepared", "-f", script, "-D", f"contacts={opts.contacts}", "-c", str(connections), "-j", "1",
                          "-T", str(opts.seconds), url], check=True, text=True, stdout=subprocess.PIPE).stdout
    return float(re.search(r"tps = ([\d.]+)", out)[1])


def compare(opts, base, url, access_token, what, script):
    """Rates of pgbench with 8 connections and of ctms-web with 16 and 64, in turn."""
    database, served = [], {1: [], 16: [], 64: []}
    for _ in range(opts.rounds):
        database.append(pgbench(opts, url, script, 8))
        for connections, runs in served.items():
            runs.append(wrk(opts, base, what, connections, access_token))
    reference = statistics.median(database)
    print(f"\n{what}: pgbench, 8 connections: {reference:,.0f} a second")
    for connections, runs in served.items():
        rate, p50, p99 = (statistics.median(values) for values in zip(*runs))
        print(f"  ctms-web, {connections:2d} connections: {rate:8,.0f} a second, {rate / reference:.2f} of pgbench, p50 {p50:.2f} ms, p99 {p99:.2f} ms")


def measure(opts, scratch):
    server, base, env = start_server(opts, scratch)
    try:
        client = json.loads(admin(opts, env, "clients", "create", "bench", "-e", "bench@example.com", "--json"))
        url = admin(opts, env, "db", "url").strip()
        print(f"Filling with {opts.contacts:,} contacts ...", flush=True)
        subprocess.run(["psql", "-q", "-v", f"contacts={opts.contacts}", "-v", "ON_ERROR_STOP=1", "-f", os.path.join(HERE, "fill.sql"), url], check=True)
        access_token = token(base, client)
        with open(f"/proc/{server.pid}/clear_refs", "w", encoding="utf8") as peak:
            peak.write("5")  # verifying the secret took 64 MiB for a moment: not what is to be measured
        for what, source in (("read", "read"), ("patch", "patch")):
            script = os.path.join(scratch, what + ".sql")
            with open(script, "w", encoding="utf8") as out:
                subprocess.run([os.path.join(opts.bin, "bench-statements"), source], check=True, stdout=out)
            compare(opts, base, url, access_token, what, script)
        by_email = [wrk(opts, base, "email", 16, access_token) for _ in range(opts.rounds)]
        print(f"\nby email, 16 connections: {statistics.median(r[0] for r in by_email):,.0f} a second")
        pages = [wrk(opts, base, "updates", 2, access_token)[0] for _ in range(opts.rounds)]
        print(f"/updates, 1,000 a page, 2 clients: {statistics.median(pages) * 1000:,.0f} contacts a second")
        print(f"/updates as lines, 1 client: {lines(base, access_token):,.0f} contacts a second")
        status = open(f"/proc/{server.pid}/status", encoding="utf8").read()
        now, peak = (int(re.search(name + r":\s+(\d+)", status)[1]) / 1024 for name in ("VmRSS", "VmHWM"))
        print(f"memory of ctms-web: {now:.0f} MiB, at most {peak:.0f} MiB, tokens aside")
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/release/bin"))
    parser.add_argument("--pgbench", default=shutil.which("pgbench") or "/usr/lib/postgresql/15/bin/pgbench")
    opts = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="ctms-bench.", dir="/var/tmp")
    os.chmod(scratch, 0o711)  # the account of the embedded PostgreSQL must be able to get there
    try:
        measure(opts, scratch)
    finally:
        time.sleep(2)  # the database stops by itself just after its last user
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
