# SPDX-License-Identifier: MPL-2.0
"""Readers that keep a copy of all contacts, as docs/api.md and docs/webhooks.md tell clients to do. One class for each kind; KINDS lists
them.

To add a kind, derive a class from Reader, define poll(), which calls took() for each contact and lost() for each deletion that it
is told about, and add it to KINDS.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import queue
import threading
import time
import urllib.parse

from actor import Actor, Connection, OUTAGES, Unavailable
from lab import Failed


def digest(contact):
    """What is compared of a contact. state.py reads the same from the database."""
    email, amo, fxa = contact["email"], contact["amo"], contact["fxa"]
    return {"time": email["update_timestamp"], "address": email["primary_email"], "first_name": email["first_name"],
            "opted_out": email["has_opted_out_of_email"],
            "newsletters": sorted([one["name"], one["subscribed"], one["lang"]] for one in contact["newsletters"]),
            "waitlists": sorted(one["name"] for one in contact["waitlists"]),
            "amo": amo and amo["display_name"], "fxa": fxa and fxa["fxa_id"]}


class Reader(Actor):
    pause = 0.1
    follows_deletions = False  # whether the reader hears of every deletion
    longest_catch_up = 60      # seconds in which the reader must know everything after the writers have ended

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link = Connection(scene)
        self.copies = {}

    def poll(self):
        """Reads until nothing follows."""
        raise NotImplementedError

    def step(self):
        self.poll()
        self.counts["polls"] += 1

    def took(self, contact):
        self.counts["items"] += 1
        mine = digest(contact)
        self.expect(not (mine["first_name"] or "").startswith("never"), f"got a state that was rolled back: {mine['first_name']}")
        self.copies[contact["email"]["email_id"]] = mine

    def lost(self, email_id):
        self.counts["deletions"] += 1
        self.copies.pop(email_id, None)

    def open(self, target, accept="application/json", **headers):
        answer = self.link.open("GET", target, headers={"Accept": accept, **headers})
        if answer.status in (200, 410):
            return answer
        text = answer.read().decode()
        if answer.status == 503:
            raise Unavailable(text)
        raise AssertionError(f"GET {target}: {answer.status} {text}")

    def rest(self, answer):
        try:
            return answer.read().decode()
        except OUTAGES:
            self.link.close()
            raise

    def lines(self, answer):
        """Yields the complete lines. Fails at the end of a response that is not complete. (Python's own iteration by lines would end like
        after a complete one.)"""
        rest = b""
        try:
            while piece := answer.read1(65536):
                *lines, rest = (rest + piece).split(b"\n")
                yield from map(json.loads, lines)
            answer.close()  # reading an empty response does not
        except OUTAGES:
            self.link.close()
            raise

    def missed(self, state):
        """The ids of contacts whose copy is not what is stored, after the last poll."""
        out = [email_id for email_id, stored in state.contacts.items() if not self.knows(email_id, stored, state)]
        if self.follows_deletions:
            out += [email_id for email_id in self.copies if email_id not in state.contacts]
        return out

    def knows(self, email_id, stored, _state):
        return self.copies.get(email_id) == stored

    def is_behind(self, _state):
        """Whether another poll is needed to know everything in `state`."""
        return False

    def catch_up(self, state):
        """Polls until the reader must know everything. What it does not know after its time is missed. Its thread must have ended."""
        deadline = time.monotonic() + self.longest_catch_up
        while True:
            try:
                self.poll()
                if not self.is_behind(state):
                    return
            except OUTAGES:
                pass
            if time.monotonic() > deadline:
                self.expect(False, f"did not catch up within {self.longest_catch_up} s")
                return
            time.sleep(0.1)

    def compare(self, state):
        """Returns how many contacts the reader has missed. The first of them are problems."""
        missed = self.missed(state)
        for email_id in missed[:3]:
            self.problems.append(f"{self.name} missed {email_id}: has {self.copies.get(email_id)}, stored {state.contacts.get(email_id)}, "
                                 f"in the feed {email_id in state.changes}")
        return len(missed)


class UpdatesReader(Reader):
    """A contact whose time did not move when it changed is not compared: /updates reports times."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.since = "2000-01-01T00:00:00+00:00"

    def knows(self, email_id, stored, state):
        mine = self.copies.get(email_id)
        if mine is None or email_id not in self.scene.quiet:
            return mine == stored
        return mine["time"] == stored["time"]

    def is_behind(self, state):
        return self.since <= state.newest

    def go_on_at(self, end):
        self.expect(end >= self.since or self.scene.fault.times_lie, f"the end went back from {self.since} to {end}")
        self.since = end


class UpdatesPages(UpdatesReader):
    def poll(self):
        target = "/updates?" + urllib.parse.urlencode({"start": self.since, "limit": self.random.choice((3, 50, 1000))})
        end = None
        while target:
            page = json.loads(self.rest(self.open(target)))
            self.expect(end in (None, page["end"]), "the end changed within a chain of pages")
            end = page["end"]
            for contact in page["items"]:
                self.took(contact)
            target = page["next"] and page["next"][page["next"].index("/updates"):]
        self.go_on_at(end)


class UpdatesLines(UpdatesReader):
    def poll(self):
        query, end, tries = {"start": self.since}, None, 0
        while True:
            answer = self.open("/updates?" + urllib.parse.urlencode(query), "application/x-ndjson")
            end, last = end or answer.headers["X-Updates-End"], None
            try:
                for contact in self.lines(answer):
                    self.took(contact)
                    last = contact["email"]
                break
            except OUTAGES:
                tries += 1
                if last is None or tries > 3 or self.stopped.is_set():
                    raise
                self.counts["continued"] += 1
                query["end"] = end
                query["after"] = base64.urlsafe_b64encode(f"{last['email_id']},{last['update_timestamp']}".encode()).decode()
        self.go_on_at(end)


class ChangesReader(Reader):
    follows_deletions = True

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.cursor, self.before = "", None

    def ask(self, accept, headers=None, **query):
        """Returns the response, or None if the feed must be read again from its beginning."""
        answer = self.open("/changes?" + urllib.parse.urlencode({"include": "contact", **query}), accept, **(headers or {}))
        if answer.status == 200:
            return answer
        self.rest(answer)
        self.begin_again()
        return None

    def begin_again(self):
        self.expect(self.scene.may_begin_again, "the cursor of a reader that was never away is refused")
        self.counts["begun again"] += 1
        self.cursor, self.before = "", set(self.copies)

    def change(self, item):
        email_id, contact = item["email_id"], item.get("contact")
        if self.before is not None:
            self.before.discard(email_id)
        if item["change"] == "deleted":
            self.lost(email_id)
        elif contact is not None:
            self.took(contact)

    def reached_the_end(self):
        """After a new beginning, what did not come is gone."""
        for email_id in self.before or ():
            self.copies.pop(email_id, None)
        self.before = None


class ChangesPages(ChangesReader):
    def poll(self):
        more = True
        while more:
            answer = self.ask("application/json", after=self.cursor, limit=self.random.choice((3, 50, 1000)))
            if answer is None:
                continue
            page = json.loads(self.rest(answer))
            for item in page["items"]:
                self.change(item)
            self.cursor, more = page["next"], page["more"]
        self.reached_the_end()


class ChangesLines(ChangesReader):
    def poll(self):
        answer = self.ask("application/x-ndjson", after=self.cursor)
        while answer is None:
            answer = self.ask("application/x-ndjson", after=self.cursor)
        for item in self.lines(answer):
            self.change(item)
            self.cursor = item["cursor"]
        self.reached_the_end()


class Events(threading.Thread):
    """Reads an event stream into a queue: type, data, last id. None at its end."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.queue = answer, queue.SimpleQueue()
        self.start()

    def run(self):
        event = {}
        try:
            for line in self.answer:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    event[name] = value
                    continue
                self.queue.put((event.pop("event", "message"), event.pop("data", None), event.get("id", "")))
        except OUTAGES:
            pass
        finally:
            self.queue.put(None)


class ChangesEvents(ChangesReader):
    """One event stream after the other. A stream stays open until the server ends it or is killed; the next one begins after the last id."""

    longest_catch_up = 120
    stream = None

    def poll(self):
        deadline = time.monotonic() + 1  # while there are writers, something always follows
        while time.monotonic() < deadline:
            if self.stream is None:
                answer = self.ask("text/event-stream", self.cursor and {"Last-Event-ID": self.cursor})
                self.stream = answer and Events(answer)
            elif not self.take_event():
                return

    def take_event(self):
        """Returns whether another one may follow at once."""
        try:
            event = self.stream.queue.get(timeout=0.4)
        except queue.Empty:
            self.reached_the_end()
            return False
        if event is None:
            self.stream = None
            self.link.close()
            self.counts["streams"] += 1
            return False
        kind, data, self.cursor = event
        if kind == "message" and data:
            self.change(json.loads(data))
        elif kind == "end":
            self.ended(json.loads(data)["reason"])
        return True

    def ended(self, reason):
        if reason == "cursor_gone":
            self.begin_again()
        else:
            self.expect(reason == "server_stopping", f"a stream ended: {reason}")

    def is_behind(self, state):
        return bool(self.missed(state))


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes messages for the reader of its server. Without a status, the sender gets no response. A message that was cut off is ignored,
    also one that ends within its head, which Python takes for complete."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self):
        length = int(self.headers.get("Content-Length", -1))
        body = self.rfile.read(max(0, length))
        status = self.server.reader.receive(self.headers, body) if len(body) == length else None
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Webhook(ChangesPages):
    """The receiver of a webhook. It reads pages once, when the webhook exists, and again if it is told that changes are lost. It refuses or
    does not answer some messages, and then an operator makes ctms-sync try again."""

    longest_catch_up = 120
    trouble = 0.03  # share of the messages with which something goes wrong
    REMEMBERED = 1000  # messages of which the content is remembered, for when they come again

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.lock = threading.RLock()  # a page that was read must be taken before messages that were sent later
        self.must_read, self.failed, self.known = True, False, {}
        self.heard = self.retried = time.monotonic()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.server.reader = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        proxy = scene.proxy(self.server.server_port)
        self.secret = json.loads(self.admin("add", f"http://127.0.0.1:{proxy.port}/", "--name", "history", "--include", "contact", "--allow-http",
                                            "--allow-private-address", "--json"))["secret"]

    def admin(self, command, *operands):
        lab = self.scene.lab
        return lab.run(os.path.join(lab.bin, "ctms-admin"), "webhooks", command, *operands, env=self.scene.admin_environment(), as_server=False)

    def poll(self):
        with self.lock:
            if self.must_read:
                super().poll()
                self.must_read = False
        now = time.monotonic()
        if now - max(self.heard, self.retried) > 6:
            self.retried = now
            try:
                self.admin("retry", "history")
            except Failed:  # the database is away
                self.counts["outages"] += 1

    def receive(self, headers, body):
        """Takes a message. Returns the status of the response, or None for none."""
        with self.lock:
            self.heard = time.monotonic()
            self.counts["polls"] += 1
            self.expect(self.is_genuine(headers, body), "a message has no valid signature")
            self.expect(self.known.setdefault(headers["webhook-id"], body) == body, "two messages with different content have the same id")
            if len(self.known) > self.REMEMBERED:
                del self.known[next(iter(self.known))]
            self.failed = not self.failed and self.random.random() < self.trouble  # after a second failure in a row, it waits for minutes
            if self.failed and self.random.random() < 0.5:
                return 503
            self.take(json.loads(body))
            return None if self.failed else 204

    def is_genuine(self, headers, body):
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode() == headers["webhook-signature"]

    def take(self, message):
        if message["type"] == "contacts.changed":
            for item in message["data"]["changes"]:
                self.change(item)
        elif message["type"] == "contacts.changes_lost":
            self.begin_again()
            self.must_read = True

    def missed(self, state):
        with self.lock:
            return super().missed(state)

    def is_behind(self, state):
        return self.must_read or bool(self.missed(state))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


KINDS = {"updates pages": UpdatesPages, "updates lines": UpdatesLines, "changes pages": ChangesPages, "changes lines": ChangesLines,
         "changes events": ChangesEvents, "webhook": Webhook}
