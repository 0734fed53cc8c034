#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures how fast ctms-sync delivers to a webhook.

    tests/bench/webhooks.py [--contacts 2000] [--rounds 3] [--delays-ms 10 200] [--bin build/release/bin]

Each receiver takes the same time for each message. Webhooks without and with contacts deliver all contacts once, one webhook after the
other. Prints the medians: changes and messages per second, and the CPU time of ctms-sync per 1,000 changes. Needs psql. Nothing else
should run on the machine meanwhile.
"""
import argparse
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time

from support.scene import DEFAULT_BIN, Database, Failure, scratch_folder, wait_until


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay)
        self.send_response(204)
        self.end_headers()
        self.server.messages += 1
        self.server.changes += len(json.loads(body)["data"]["changes"])

    def log_message(self, *_):
        pass


class Receiver(http.server.ThreadingHTTPServer):
    """Counts what it gets. `delay`: seconds for each message."""

    daemon_threads = True

    def __init__(self, delay):
        super().__init__(("127.0.0.1", 0), Handler)
        self.delay, self.messages, self.changes = delay, 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


def deliver(database, name, receiver, contacts):
    """Runs ctms-sync until the receiver has all contacts. Returns changes per second, messages per second, and CPU seconds."""
    receiver.messages = receiver.changes = 0
    env = dict(database.env, CTMS_WEBHOOKS="true", CTMS_ACOUSTIC_SYNC_PAUSED="true")
    database.admin("webhooks", "enable", name)
    with open(os.path.join(database.scratch, "sync.log"), "wb") as log:
        process = subprocess.Popen([os.path.join(database.bin, "ctms-sync")], env=env, stdout=log, stderr=log)
    wait_until(lambda: receiver.messages > 0, 60, "the first message came")
    first, began = receiver.changes, time.monotonic()
    wait_until(lambda: receiver.changes >= contacts, 600, "all changes were delivered")
    seconds = time.monotonic() - began
    process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failure(f"ctms-sync ended with {process.returncode}")
    database.admin("webhooks", "disable", name)
    return (receiver.changes - first) / seconds, receiver.messages / seconds, usage.ru_utime + usage.ru_stime


def measure(opts, database):
    kinds = [(delay, with_contacts) for delay in opts.delays_ms for with_contacts in (False, True)]
    receivers = {}
    for number in range(opts.rounds):
        for kind in kinds:
            name, receiver = f"w{number}-{kind[0]}-{'contacts' if kind[1] else 'ids'}", Receiver(kind[0] / 1000)
            receivers[name] = (kind, receiver)
            database.admin("webhooks", "add", f"http://127.0.0.1:{receiver.server_port}/", "--name", name, "--allow-http",
                           "--allow-private-address", *(("--include", "contact") if kind[1] else ()))
            database.admin("webhooks", "disable", name)
    database.load(opts.contacts)
    results = {kind: [] for kind in kinds}
    for name, (kind, receiver) in receivers.items():
        results[kind].append(deliver(database, name, receiver, opts.contacts))
    print("| receiver takes | message has | changes/s | messages/s | CPU per 1,000 changes |\n|---|---|---|---|---|")
    for (delay, with_contacts), runs in results.items():
        changes, messages, cpu = (statistics.median(values) for values in zip(*runs))
        print(f"| {delay} ms | {'up to 10 contacts' if with_contacts else 'up to 50 ids'} | {changes:.0f} | {messages:.1f} "
              f"| {1e6 * cpu / opts.contacts:.0f} ms |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delays-ms", type=int, nargs="+", default=[10, 200])
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    try:
        with scratch_folder() as scratch, Database(scratch, opts.bin) as database:
            measure(opts, database)
    except Failure as problem:
        sys.exit(f"webhooks.py: {problem}")


if __name__ == "__main__":
    main()
