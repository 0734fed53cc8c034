#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures POST /ctms/bulk with lines, on a new embedded database (fsync on).

    tests/bench/bulk_http.py [--contacts 200000] [--connections 2] [--rounds 3] [--bin build/release/bin]

Each round stores new contacts, sends the same again, and sends them with another name. Prints the median of contacts per second, the CPU time
of ctms-web, of PostgreSQL and of this client, and the peak of the memory of ctms-web. Each contact has 2 newsletters, as in bulk.py. The
clients read the results while they send.
"""
import argparse
import http.client
import json
import os
import random
import resource
import socket
import statistics
import threading
import time
import uuid

from support.processes import cpu_seconds, family_cpu
from support.scene import DEFAULT_BIN, Database, Failure, Server, scratch_folder

WORDS = (b'"status":201', b'"status":200')


def make_lines(contacts, name):
    """The lines of contacts, given as (number, id, token)."""
    out = []
    for number, email_id, token in contacts:
        contact = {"email": {"email_id": email_id, "primary_email": f"person{number}@example.com", "basket_token": token, "first_name": name,
                             "last_name": "Doe", "mailing_country": "de", "email_lang": "de"},
                   "newsletters": [{"name": "mozilla-and-you", "source": "https://www.example.com/a"}, {"name": "hubs", "format": "T"}]}
        out.append(json.dumps(contact, separators=(",", ":")))
    return ("\n".join(out) + "\n").encode()


def send(port, token, body, into):
    """Sends a body and reads the results at the same time. Appends how many results have each status."""
    head = (f"POST /ctms/bulk HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode()
    counts = dict.fromkeys(WORDS, 0)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        sender = threading.Thread(target=lambda: (link.sendall(head), link.sendall(body)))
        sender.start()
        response = http.client.HTTPResponse(link)
        response.begin()
        tail = b""
        while part := response.read1(262144):
            text = tail + part
            tail = text[text.rfind(b"\n") + 1:]
            for word in WORDS:
                counts[word] += text.count(word) - tail.count(word)
        sender.join()
    into.append(counts)


def run(port, token, bodies, contacts, wanted):
    """Sends the bodies at the same time, each on a connection. Returns the seconds that it took."""
    results = []
    threads = [threading.Thread(target=send, args=(port, token, body, results)) for body in bodies]
    began = time.monotonic()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    seconds = time.monotonic() - began
    if sum(one[wanted] for one in results) != contacts:
        raise Failure(f"not every contact has {wanted!r}: {results}")
    return seconds


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM:"))


def cpu_now(server, database):
    own = resource.getrusage(resource.RUSAGE_SELF)
    return [sum(cpu_seconds(server.pid)), sum(family_cpu(database.postmaster())), own.ru_utime + own.ru_stime]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    numbers = random.Random(7)
    rates = {}
    with scratch_folder() as scratch, Database(scratch, opts.bin) as database, Server(database) as server:
        token = database.token()
        for number in range(opts.rounds):
            contacts = [(number * opts.contacts + i, *(str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(2)))
                        for i in range(opts.contacts)]
            for what, name, wanted in (("new", "Jane", b'"status":201'), ("the same again", "Jane", b'"status":200'),
                                       ("with another name", "Janet", b'"status":200')):
                bodies = [make_lines(contacts[i::opts.connections], name) for i in range(opts.connections)]
                before = cpu_now(server, database)
                seconds = run(server.port, token, bodies, opts.contacts, wanted)
                spent = [after - then for after, then in zip(cpu_now(server, database), before)]
                rates.setdefault(what, []).append(opts.contacts / seconds)
                print(f"{what:<20}{seconds:8.1f} s{opts.contacts / seconds:10,.0f}/s   CPU {spent[0]:6.1f} s ctms-web {spent[1]:6.1f} s PostgreSQL"
                      f" {spent[2]:5.1f} s client   load {os.getloadavg()[0]:.1f}", flush=True)
        for what, all_rates in rates.items():
            print(f"median: {what}: {statistics.median(all_rates):,.0f} contacts/s with {opts.connections} connections")
        print(f"peak of the memory of ctms-web: {peak_memory(server.pid)} MiB")


if __name__ == "__main__":
    main()
