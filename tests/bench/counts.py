#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures how long /__heartbeat__ takes, which counts what waits for the sync, while very many rows wait.

    tests/bench/counts.py [--rows 20000000] [--requests 500] [--bin build/release/bin]

Measures with an empty queue, with --rows rows in the queue, and with as many in the inbox, which the triggers fill. Of the rows in the
queue, one in 20 has failed before, and one in 20 is parked. Each of the two is measured right after it was filled, and again after
PostgreSQL has analyzed the table. Prints p50 and p99 of the requests, each on its own connection. 20 million rows take about
ten minutes and 8 GB in /var/tmp. Needs psql. Nothing else should run on the machine meanwhile.
"""
import argparse
import http.client
import sys
import time

from support.scene import DEFAULT_BIN, Database, Failure, Server, scratch_folder

QUEUE = """
insert into ctms_sync_queue (email_id, priority, retry, last_error, state)
select md5(number::text)::uuid, 10, case when number % 10 = 0 then 1 else 0 end, case when number % 10 = 0 then 'HTTP 503' end,
  case when number % 20 = 0 then 'parked' else 'pending' end
from generate_series(1, {rows}) number"""
INBOX = "insert into ctms_inbox (email_id, what) select md5(number::text)::uuid, 'upsert' from generate_series(1, {rows}) number"


def heartbeat(server):
    """Returns the milliseconds of a request."""
    began = time.monotonic()
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    link.request("GET", "/__heartbeat__")
    answer = link.getresponse()
    body = answer.read()
    link.close()
    if answer.status != 200:
        raise Failure(f"the heartbeat was answered with {answer.status}: {body.decode()}")
    return 1000 * (time.monotonic() - began)


def measure(opts, server, name):
    heartbeat(server)
    took = sorted(heartbeat(server) for _ in range(opts.requests))
    print(f"| {name} | {took[len(took) // 2]:.1f} ms | {took[len(took) * 99 // 100]:.1f} ms |", flush=True)


def fill(opts, database, server, table, command):
    began = time.monotonic()
    database.sql("set synchronous_commit = off; " + command.format(rows=opts.rows))
    print(f"{table}: {opts.rows} rows in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    measure(opts, server, f"{opts.rows} in {table}, just written")
    database.sql("vacuum analyze " + table, "checkpoint")
    measure(opts, server, f"{opts.rows} in {table}, analyzed")
    database.sql("truncate " + table)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    try:
        with scratch_folder() as scratch, Database(scratch, opts.bin) as database, Server(database) as server:
            print("| waiting rows | p50 | p99 |\n|---|---|---|", flush=True)
            measure(opts, server, "none")
            fill(opts, database, server, "ctms_sync_queue", QUEUE)
            fill(opts, database, server, "ctms_inbox", INBOX)
    except Failure as problem:
        sys.exit(f"counts.py: {problem}")


if __name__ == "__main__":
    main()
