#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Clients that request tokens at a steady pace, each on its own connection, from loopback addresses.

Runs as a separate program, so that its work does not delay other load: start() runs it, and finish() returns its results.
"""
import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time

if __package__:
    from .scene import Failure

# Who asks, as arguments of asking(): clients with the right secret at one address, and a flood from other addresses.
RIGHT = {"clients": 8, "pause": 0.05, "addresses": ["127.0.0.1"]}
WRONG = {"clients": 32, "pause": 0.05, "addresses": [f"127.0.0.{number}" for number in range(2, 10)]}


def ask(link, form):
    link.request("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = link.getresponse()
    answer.read()
    return answer.status


def run_client(opts, number, seen):
    """Sends requests until the program ends, and records the status and milliseconds of each answer. A failure has status 0."""
    address = opts.addresses[number % len(opts.addresses)]
    link, asked = None, 0
    time.sleep(opts.pause * number / opts.clients)
    while True:
        asked += 1
        began = opts.began[number] = time.monotonic()
        try:
            if link is None:
                link = http.client.HTTPConnection("127.0.0.1", opts.port, timeout=60, source_address=(address, 0))
                link.connect()
                began = opts.began[number] = time.monotonic()
            status = ask(link, opts.form.replace("%N", f"{number}-{asked}"))
        except (OSError, http.client.HTTPException):
            status, link = 0, None
        took = time.monotonic() - began
        opts.began[number] = None
        seen.append((status, 1000 * took))
        time.sleep(max(0.0, opts.pause - took))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--pause", type=float, required=True, help="seconds between two requests of a client")
    parser.add_argument("--addresses", type=lambda text: text.split(","), required=True)
    opts = parser.parse_args()
    opts.form = sys.stdin.read()  # not an argument, because it contains a secret
    opts.began, seen = [None] * opts.clients, []
    for number in range(opts.clients):
        threading.Thread(target=run_client, args=(opts, number, seen), daemon=True).start()
    time.sleep(opts.seconds)
    now = time.monotonic()
    # A request that has waited for more than a second counts as unanswered; requests of the flood may wait for half a minute.
    late = [(0, 1000 * (now - began)) for began in opts.began if began is not None and now - began > 1]
    json.dump(seen[:] + late, sys.stdout)
    sys.stdout.flush()
    os._exit(0)


def start(server, form, clients, pause, addresses, seconds):
    """Starts the clients. `%N` in the form becomes a different text in each request."""
    process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--port", str(server.port), "--seconds", str(seconds),
                                "--clients", str(clients), "--pause", str(pause), "--addresses", ",".join(addresses)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(form)
    process.stdin.close()
    process.stdin = None
    return process


def finish(process, limit):
    """Returns the results: pairs of status and milliseconds."""
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as late:
        process.kill()
        process.communicate()
        raise Failure("the token clients did not end") from late
    if process.returncode != 0:
        raise Failure(f"the token clients ended with {process.returncode}")
    return json.loads(out)


@contextlib.contextmanager
def asking(server, form, who, seconds):
    """Runs clients that request tokens during the block, and adds their results to the list that it yields."""
    seen = []
    process = start(server, form, seconds=seconds, **who)
    try:
        yield seen
        seen.extend(finish(process, seconds + 90))
    except BaseException:
        process.kill()
        process.wait()
        raise


if __name__ == "__main__":
    main()
