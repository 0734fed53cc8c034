# SPDX-License-Identifier: MPL-2.0
"""Clients that check the answers that they get: each owns contacts that nobody else writes and keeps a model of them. KINDS says how many
of each run.
"""
import json
import urllib.parse
import uuid

import model
from actor import Connection, OUTAGES, Unavailable
from writers import Writer

NEWSLETTERS = "abcd"


def subscribed(known, changes):
    kept = dict(known.newsletters)
    kept.update(changes)
    return frozenset(kept.items())


class Client(Writer):
    """Writes its contacts with every call, reads them back, and sends requests that must be refused."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link, self.reader = Connection(scene), Connection(scene, scene.read_token)
        self.contacts, self.current = [], []
        for _ in range(4):
            self.renew(None)

    def renew(self, old):
        if old is not None:
            self.current.remove(old)
        fresh = model.Contact(str(uuid.UUID(int=self.random.getrandbits(128), version=4)), self.address())
        self.contacts.append(fresh)
        self.current.append(fresh)
        return fresh

    def step(self):
        contact = self.random.choice(self.current)
        if contact.is_full():
            contact = self.renew(contact)
        kinds = ((self.patch, 40), (self.create, 10), (self.put, 10), (self.delete, 4), (self.read, 25), (self.identify, 5), (self.look_up, 6),
                 (self.must_refuse, 6), (self.log_in, 0.2))
        self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0](contact)

    def send(self, contact, method, target, body, write, name=None):
        """Sends a write and tells the model what came of it."""
        self.counts["requests"] += 1
        try:
            status, _, text = self.link.ask(method, target, body and json.dumps(body))
        except OUTAGES:
            contact.lost(write, name)
            raise
        if status == 503:
            contact.lost(write, name)
            self.counts["unavailable"] += 1
            raise Unavailable(text)
        self.counts["acknowledged" if status < 300 else "refused"] += 1
        before = contact.possible
        self.expect(contact.answered(write, status), f"{method} of {contact.email_id}: {status} {text[:300]}, possible before: {before}")

    def create(self, contact):
        name = self.marker()
        fresh = model.Known(name, frozenset({("a", True)}))
        body = {"email": {"email_id": contact.email_id, "primary_email": contact.address, "first_name": name}, "newsletters": [{"name": "a"}]}
        self.send(contact, "POST", "/ctms", body, lambda state: (201, fresh) if state is None else (200, state) if state == fresh else (409, state), name)

    def put(self, contact):
        name = self.marker()
        fresh = model.Known(name, frozenset({("b", True)}))
        body = {"email": {"email_id": contact.email_id, "primary_email": contact.address, "first_name": name}, "newsletters": [{"name": "b"}]}
        self.send(contact, "PUT", f"/ctms/{contact.email_id}", body, lambda state: (201, fresh), name)

    def patch(self, contact):
        name, body, change = self.marker(), {}, {}
        body["email"] = {"first_name": name}
        change["first_name"] = lambda known: name
        what = self.random.randrange(5)
        one = self.random.choice(NEWSLETTERS)
        if what == 0:
            body["newsletters"] = [{"name": one, "subscribed": True}]
            change["newsletters"] = lambda known: subscribed(known, {one: True})
        elif what == 1:
            body["newsletters"] = "UNSUBSCRIBE"
            change["newsletters"] = lambda known: subscribed(known, {each: False for each, _ in known.newsletters})
        elif what == 2:
            body["amo"] = {"display_name": name}
            change["amo"] = lambda known: name
        elif what == 3:
            body["amo"] = "DELETE"
            change["amo"] = lambda known: None

        def write(state):
            if state is None:
                return 404, None
            values = {member: change[member](state) if member in change else getattr(state, member) for member in ("first_name", "newsletters", "amo")}
            return 200, model.Known(**values)

        self.send(contact, "PATCH", f"/ctms/{contact.email_id}", body, write, name)

    def delete(self, contact):
        self.send(contact, "DELETE", "/ctms/" + urllib.parse.quote(contact.address), None, lambda state: (404, None) if state is None else (200, None))

    def get(self, target):
        """Returns the contact, or None."""
        self.counts["requests"] += 1
        status, _, text = self.reader.ask("GET", target)
        if status == 503:
            raise Unavailable(text)
        self.expect(status in (200, 404), f"GET {target}: {status} {text[:300]}")
        return json.loads(text) if status == 200 else None

    def read(self, contact):
        """A read by id sees every write before it."""
        found = self.get(self.random.choice((f"/ctms/{contact.email_id}", f"/ctms?email_id={contact.email_id}")))
        if isinstance(found, list):
            found = found[0] if found else None
        before = contact.possible
        self.expect(contact.seen(found and model.read(found)), f"read of {contact.email_id}: {found}, possible: {before}, {contact.undecided.keys()}")
        self.counts["reads"] += 1

    def identify(self, contact):
        found = self.get(f"/identity/{contact.email_id}")
        self.expect(contact.seen_to_exist(found is not None), f"identity of {contact.email_id}: {found}, possible: {contact.possible}")

    def log_in(self, _contact):
        form = urllib.parse.urlencode({"grant_type": "client_credentials", **self.scene.cluster.client})
        status, _, text = self.link.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
        self.expect(status in (200, 503), f"token: {status} {text[:200]}")

    def look_up(self, contact):
        """A lookup by address may come from the standby: it may be old, but shows a state that was there."""
        self.get("/identities?" + urllib.parse.urlencode({"primary_email": contact.address}))
        for found in self.get("/ctms?" + urllib.parse.urlencode({"primary_email": contact.address})) or []:
            self.expect(found["email"]["email_id"] == contact.email_id and found["email"]["first_name"].startswith("by "), f"a lookup found {found}")

    def must_refuse(self, contact):
        """What is refused changes nothing: readers fail if they see a name that begins with "never"."""
        name, target = self.marker("never"), f"/ctms/{contact.email_id}"
        body = {"email": {"first_name": name}}
        headers, wanted, link = {}, (), self.link
        kind = self.random.randrange(4)
        if kind == 0:
            link, wanted = self.reader, (403,)
        elif kind == 1:
            headers, wanted = {"Authorization": "Bearer wrong"}, (401,)
        elif kind == 2:
            body["newsletters"], wanted = [{"name": "x", "source": "no URL"}], (422,)
        else:
            headers, wanted = {"If-Match": '"1"'}, (412, 404)  # 404 if the contact does not exist
        status, _, text = link.ask("PATCH", target, json.dumps(body), headers)
        self.expect(status in (*wanted, 503), f"{status} instead of {wanted}: {text[:200]}")
        self.counts["refused"] += status in wanted

    def verify(self, state):
        """Compares the models with what is stored."""
        for contact in self.contacts:
            stored = state.contacts.get(contact.email_id)
            known = stored and model.Known(stored["first_name"], frozenset((name, on) for name, on, _ in stored["newsletters"]), stored["amo"])
            self.expect(contact.seen(known), f"stored of {contact.email_id}: {known}, possible: {contact.possible}")
            if not stored and not contact.existed:
                continue
            shown, may_be_forgotten = state.changes.get(contact.email_id), not stored and self.scene.may_begin_again
            self.expect(shown == (not stored) or shown is None and may_be_forgotten, f"{contact.email_id} in the feed: {shown}, stored: {bool(stored)}")
            # A deletion stays in the queue when the contact is created again: ctms-sync looks whether the contact exists.
            allowed = ("upsert", "delete") if stored else ("delete",)
            self.expect(self.scene.vendor or state.queue.get(contact.email_id) in allowed,
                        f"{contact.email_id} in the queue: {state.queue.get(contact.email_id)}, stored: {bool(stored)}")


class Observer(Writer):
    """Reads contacts of the clients at the primary, through all servers: what it sees of one contact never goes back."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link, self.last = Connection(scene), {}

    def step(self):
        client = self.random.choice(self.scene.clients)
        contact = self.random.choice(client.current)
        status, _, text = self.link.ask("GET", f"/ctms/{contact.email_id}")
        self.link.close() if self.random.random() < 0.2 else None  # the next request goes to another server
        if status != 200:
            self.expect(status in (404, 503), f"GET: {status} {text[:200]}")
            return
        self.counts["observations"] += 1
        name = json.loads(text)["email"]["first_name"]
        number = int(name.rsplit(" ", 1)[1])
        before = self.last.get(contact.email_id, 0)
        self.expect(number >= before or name in contact.uncertain_names, f"{contact.email_id} went back from {before} to {number}")
        self.last[contact.email_id] = max(before, number)

    def verify(self, state):
        pass


class Subscriber(Writer):
    """Several write the same contacts at the same time, and each adds newsletters of its own: none may be lost."""

    COMMON = 5

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link, self.added = Connection(scene), []

    @staticmethod
    def common_id(number):
        return f"00000000-0000-4000-9000-{number:012}"

    def step(self):
        email_id, newsletter = self.common_id(self.random.randrange(self.COMMON)), self.marker("for")
        status, _, text = self.link.ask("PATCH", f"/ctms/{email_id}", json.dumps({"newsletters": [{"name": newsletter}]}))
        if status == 503:
            raise Unavailable(text)
        if status == 404:
            self.link.ask("POST", "/ctms", json.dumps({"email": {"email_id": email_id, "primary_email": email_id + "@example.com"}}))
            return
        self.expect(status == 200, f"{status} {text[:200]}")
        if status == 200:
            self.added.append((email_id, newsletter))
            self.counts["acknowledged"] += 1

    def verify(self, state):
        stored = {(email_id, name) for number in range(self.COMMON) if (email_id := self.common_id(number)) in state.contacts
                  for name, _, _ in state.contacts[email_id]["newsletters"]}
        missing = [one for one in self.added if one not in stored]
        self.expect(not missing, f"{len(missing)} acknowledged newsletters are missing: {missing[:3]}")


class Rival(Writer):
    """Several want the same addresses and accounts, and one gets each."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link, self.got, self.turn = Connection(scene), {}, 0

    def step(self):
        self.turn += 1
        email_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        address, account = f"rival-{self.turn}@example.com", f"rival {self.turn % 50}"
        body = {"email": {"email_id": email_id, "primary_email": address}}
        if self.random.random() < 0.5:
            body["fxa"] = {"fxa_id": account}
        status, _, text = self.link.ask("POST", "/ctms", json.dumps(body))
        if status == 503:
            raise Unavailable(text)
        self.expect(status in (201, 409), f"{status} {text[:200]}")
        self.counts["acknowledged" if status == 201 else "refused"] += 1
        if status == 201:
            self.got[email_id] = (address, body.get("fxa", {}).get("fxa_id"))

    def verify(self, state):
        for email_id, (address, account) in self.got.items():
            stored = state.contacts.get(email_id)
            self.expect(stored and stored["address"] == address and stored["fxa"] == account, f"{email_id} was acknowledged, stored is {stored}")
        for member in ("address", "fxa"):
            values = [one[member] for one in state.contacts.values() if one[member] is not None]
            self.expect(len(values) == len(set(values)), f"{member} is stored twice")


KINDS = {"client": (Client, 24), "observer": (Observer, 2), "subscriber": (Subscriber, 6), "rival": (Rival, 3)}
