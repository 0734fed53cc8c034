# SPDX-License-Identifier: MPL-2.0
"""Work that goes on beside a measurement. Each function is a context: the work has begun when the block begins, and when the block has
ended, nothing of it is left. It yields an Outcome, which is complete afterwards. ctms-web and the database are those of `side`.
"""
import contextlib
import http.client
import itertools
import os
import threading
import time

from . import vendor
from .contacts import line
from .load import finish, parse_flood
from .scene import OTHER_CLIENT, Failure, wait_until
from .token_clients import RIGHT, asking

BEGIN = 120            # seconds in which work must begin
IMPORTED = 20_000      # contacts in the file of an import
QUEUED = 50_000        # contacts of a resync, more than are sent during a measurement
VENDOR_MS = 10         # what a call to the vendor takes
MARGIN = 2             # seconds that a load generator runs for longer than the measurement


class Outcome:
    rate = 0.0   # how much was done per second
    note = ""    # what else there is to say


class Repeated(threading.Thread):
    """Takes from an endless generator, which yields how much was done, until it is ended."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.done, self.failure, self.stopped = work, 0, None, threading.Event()
        self.began = time.monotonic()
        self.start()

    def run(self):
        try:
            for count in self.work:
                self.done += count
                if self.stopped.is_set():
                    break
        except Exception as failure:
            self.failure = failure
        finally:
            self.work.close()

    def has_begun(self):
        return self.done > 0 or self.failure

    def end(self):
        """Returns how much was done per second."""
        self.stopped.set()
        self.join(120)
        if self.is_alive() or self.failure:
            raise Failure(f"the work beside the measurement failed: {self.failure or 'it did not end'}") from self.failure
        return self.done / (time.monotonic() - self.began)


@contextlib.contextmanager
def repeated(work):
    thread, out = Repeated(work), Outcome()
    try:
        wait_until(thread.has_begun, BEGIN, "the work beside the measurement did not begin")
        yield out
    finally:
        out.rate = thread.end()


def updates_as_lines(server, token):
    """Reads all of /updates as NDJSON, once. Yields the number of contacts in each piece."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        link.request("GET", "/updates?start=2001-01-01T00:00:00Z", headers={"Authorization": "Bearer " + token, "Accept": "application/x-ndjson"})
        answer = link.getresponse()
        if answer.status != 200:
            raise Failure(f"/updates as lines: {answer.status}")
        while part := answer.read(1 << 16):
            yield part.count(b"\n")
    finally:
        link.close()


@contextlib.contextmanager
def tokens(side, seconds):
    """Eight clients with right secrets ask for tokens."""
    out = Outcome()
    with asking(side.server, side.generator.form, RIGHT, seconds + MARGIN) as seen:
        time.sleep(MARGIN / 2)
        yield out
    out.rate = sum(status == 200 for status, _ in seen) / (seconds + MARGIN)


def streams(server, token):
    while True:
        yield from updates_as_lines(server, token)


@contextlib.contextmanager
def stream(side, _seconds):
    """Another client reads all of /updates as lines, again and again."""
    with repeated(streams(side.server, side.database.token(OTHER_CLIENT))) as out:
        yield out


def imports(database, contacts, options):
    """Gives the same contacts other names, again and again."""
    path = os.path.join(database.scratch, "beside.ndjson")
    for number in itertools.count():
        with open(path, "w", encoding="ascii") as file:
            file.writelines(line(n).replace('"first_name":"First', f'"first_name":"Time {number} ') for n in range(1, contacts + 1))
        database.admin("contacts", "import", "--replace", *options, path)
        yield contacts


def importing(*options):
    """`ctms-admin contacts import --replace`, again and again."""
    @contextlib.contextmanager
    def begin(side, _seconds):
        try:
            with repeated(imports(side.database, min(IMPORTED, side.generator.contacts), options)) as out:
                yield out
        finally:
            empty_queue(side.database)
    return begin


@contextlib.contextmanager
def resync(side, _seconds):
    """ctms-sync sends many contacts to a vendor that takes ten calls at a time."""
    database, out = side.database, Outcome()
    there = vendor.Vendor(database.bin, VENDOR_MS)
    with contextlib.ExitStack() as stack:
        stack.callback(empty_queue, database)
        stack.callback(there.stop)
        database.sql("truncate ctms_sync_queue")
        vendor.queue(database, min(QUEUED, side.generator.contacts))
        log = stack.enter_context(open(os.path.join(database.scratch, "sync.log"), "wb"))
        process = vendor.start_sync(database, there, log)
        stack.callback(process.wait, 60)
        stack.callback(process.terminate)
        wait_until(lambda: there.calls() > 5 * vendor.AT_ONCE, BEGIN, "ctms-sync did not begin")
        began, before = time.monotonic(), waiting(database)
        yield out
        after = waiting(database)
        out.rate = (before - after) / (time.monotonic() - began)
        if after == 0:
            raise Failure("the resync ended during the measurement")


def waiting(database):
    return int(database.sql("select count(*) from ctms_sync_queue"))


def empty_queue(database):
    """After writes, whose contacts wait in the queue of the sync."""
    database.sql("truncate ctms_sync_queue")
    database.settle()


def flood(what, connections):
    """Returns a context in which the first client floods ctms-web with requests of load.lua."""
    @contextlib.contextmanager
    def begin(side, seconds):
        out = Outcome()
        process = side.generator.start_wrk(side.server, what, connections, seconds + MARGIN)
        try:
            time.sleep(MARGIN / 2)
            yield out
            answers = parse_flood(finish(process, seconds + 60))
            out.rate, out.note = answers.rate, f"{answers.refused} refused, {answers.late} late"
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
            empty_queue(side.database)
    return begin
