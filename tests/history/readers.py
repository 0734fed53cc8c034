# SPDX-License-Identifier: MPL-2.0
"""Readers that keep a copy of all contacts, as docs/api.md tells clients to do. One class for each kind; KINDS lists them.

To add a kind, derive a class from Reader, define poll(), which calls took() for each contact and lost() for each deletion that it
is told about, and add it to KINDS.
"""
import base64
import json
import urllib.parse

from actor import Actor, Connection, OUTAGES, Unavailable


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

    def open(self, target, accept="application/json"):
        answer = self.link.open("GET", target, headers={"Accept": accept})
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

    def ask(self, accept, **query):
        """Returns the response, or None if the feed must be read again from its beginning."""
        answer = self.open("/changes?" + urllib.parse.urlencode({"include": "contact", "after": self.cursor, **query}), accept)
        if answer.status == 200:
            return answer
        self.rest(answer)
        self.expect(self.scene.may_begin_again, "the cursor of a reader that was never away is refused")
        self.counts["begun again"] += 1
        self.cursor, self.before = "", set(self.copies)
        return None

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
            answer = self.ask("application/json", limit=self.random.choice((3, 50, 1000)))
            if answer is None:
                continue
            page = json.loads(self.rest(answer))
            for item in page["items"]:
                self.change(item)
            self.cursor, more = page["next"], page["more"]
        self.reached_the_end()


class ChangesLines(ChangesReader):
    def poll(self):
        answer = self.ask("application/x-ndjson")
        while answer is None:
            answer = self.ask("application/x-ndjson")
        for item in self.lines(answer):
            self.change(item)
            self.cursor = item["cursor"]
        self.reached_the_end()


KINDS = {"updates pages": UpdatesPages, "updates lines": UpdatesLines, "changes pages": ChangesPages, "changes lines": ChangesLines}
