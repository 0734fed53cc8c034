# SPDX-License-Identifier: MPL-2.0
"""Who uses the system during a soak, each at its own rate: writers, readers, an operator. All choose from the same contacts, which they
create, change and delete again and again.
"""
import json
import time
import urllib.parse

import readers
import writers
from actor import Actor, Connection, Unavailable
from scene import shared_id
from system import whole_contact

BULK = 20      # contacts in a bulk write
LIST = 40      # contacts in a file of an operator


class Paced(Actor):
    """Takes `rate` steps per second. After a time without steps it does not make up for more than a second."""

    pause = 0

    def __init__(self, system, name, rate):
        super().__init__(system, name)
        self.interval = 1 / rate
        self.due = time.monotonic() + self.interval * self.random.random()

    def step(self):
        if not self.stopped.wait(max(0, self.due - time.monotonic())):
            self.due = max(self.due + self.interval, time.monotonic() - 1)
            self.act()

    def act(self):
        raise NotImplementedError

    def shared(self):
        return self.random.randint(1, self.scene.contacts)


class Writer(Paced, writers.ApiWriter):
    """Creates, changes, replaces and deletes contacts by the API. In the long run, system.PRESENT of the contacts exist, each with as many
    rows as in the begin.
    """

    def act(self):
        kinds = ((self.change, 70), (self.create, 10), (self.replace, 10), (self.delete, 5))
        self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()

    def patch(self):
        name = self.marker()
        return self.random.choice((
            {"email": {"first_name": name}}, {"email": {"first_name": name}, "newsletters": [{"name": "hubs", "lang": self.random.choice(("de", "fr"))}]},
            {"newsletters": [{"name": "hubs", "subscribed": self.random.random() < 0.5}]}, {"amo": {"display_name": name}}))

    def create(self):
        number = self.shared()
        self.send("POST", "/ctms", whole_contact(number, self.marker()), (200, 201, 409))

    def replace(self):
        number = self.shared()
        self.send("PUT", f"/ctms/{shared_id(number)}", whole_contact(number, self.marker()), (200, 201, 409))


class BulkWriter(Writer):
    def act(self):
        items = [{"op": "patch", "email_id": shared_id(self.shared()), "email": {"first_name": self.marker()}} for _ in range(BULK)]
        status, _, text = self.link.ask("POST", "/ctms/bulk", json.dumps(items))
        if status == 503:
            raise Unavailable(text)
        results = [one["status"] for one in json.loads(text)] if status == 200 else [status]
        self.expect(len(results) == BULK and set(results) <= {200, 404}, f"bulk: {status} {text[:300]}")
        self.counts["writes"] += len(results)


class StripeWriter(Paced, writers.StripeWriter):
    CUSTOMERS = 100  # Stripe's objects are never deleted

    def act(self):
        writers.StripeWriter.step(self)

    def shared(self):
        return self.random.randint(1, min(self.CUSTOMERS, self.scene.contacts))


class Reader(Paced):
    """Reads by id and by address, looks up ids, and sometimes asks for a token."""

    def __init__(self, system, name, rate):
        super().__init__(system, name, rate)
        self.link = Connection(system, system.read_token)

    def act(self):
        number = self.shared()
        address = urllib.parse.urlencode({"primary_email": f"shared-{number}@example.com"})
        target = self.random.choice((f"/ctms/{shared_id(number)}", f"/ctms/{shared_id(number)}", "/ctms?" + address, "/identities?" + address))
        status, text = self.log_in() if self.random.random() < 0.01 else self.link.ask("GET", target)[::2]
        if status == 503:
            raise Unavailable(text)
        self.expect(status in (200, 404), f"{status} {text[:300]}")
        self.counts["reads"] += 1

    def log_in(self):
        form = urllib.parse.urlencode({"grant_type": "client_credentials", **self.scene.read_client})
        return self.link.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})[::2]


class Webhook(readers.Webhook):
    """Seldom refuses a message, so that it can follow."""

    trouble = 0.001


class Operator(Paced):
    """Commands of ctms-admin, one after the other."""

    def __init__(self, system, name, rate):
        super().__init__(system, name, rate)
        self.turn = 0

    def act(self):
        commands = (self.import_contacts, self.show, self.suppress, self.verify, self.client, self.resync, self.merge, self.dump)
        commands[self.turn % len(commands)]()
        self.turn += 1
        self.counts["commands"] += 1

    def file(self, lines):
        return self.scene.lab.write("operator.txt", "".join(line + "\n" for line in lines))

    def contacts(self):
        numbers = self.random.sample(range(1, self.scene.contacts + 1), LIST)
        return self.file(json.dumps(whole_contact(number, f"by {self.name} {self.turn}")) for number in numbers)

    def addresses(self):
        return self.file(f"shared-{self.shared()}@example.com" for _ in range(LIST))

    def import_contacts(self):
        self.scene.admin("contacts", "import", "--replace", "--allow-opt-in", "--rejects", self.scene.lab.path("rejects"), self.contacts(), fine=(0, 65))

    def merge(self):
        self.scene.admin("contacts", "import", "--merge", "--rejects", self.scene.lab.path("rejects"), self.contacts(), fine=(0, 65))

    def suppress(self):
        self.scene.admin("suppress", "--yes", "--report", self.scene.lab.path("report"), self.addresses(), fine=(0, 67))

    def resync(self):
        self.scene.admin("sync", "resync", "--yes", "--report", self.scene.lab.path("report"), "--emails", self.addresses(), fine=(0, 67))

    def verify(self):
        self.scene.admin("db", "verify")

    def client(self):
        self.scene.admin("clients", "create", "visitor", "-e", "visitor@example.com")
        self.scene.admin("clients", "rotate-secret", "visitor", "--keep-old", "60")
        self.scene.admin("clients", "delete", "visitor", "--yes")

    def show(self):
        for command in (("sync", "status"), ("webhooks", "list"), ("clients", "list"), ("audit",)):
            self.scene.admin(*command)

    def dump(self):
        self.scene.admin("contacts", "dump", "-o", self.scene.lab.path("dump"))


FOLLOWERS = {**readers.KINDS, "webhook": Webhook}


def make(system, writes, reads, commands):
    """Returns the followers, and the others. `writes` and `reads`: per second. `commands`: per minute."""
    following = [kind(system, name) for name, kind in FOLLOWERS.items()]
    for reader in following:
        reader.pause = 1.0
    working = [BulkWriter(system, "bulk", writes / 5 / BULK), StripeWriter(system, "stripe", writes / 50), Operator(system, "operator", commands / 60)]
    working += [Writer(system, f"writer {number}", writes * 0.78 / 4) for number in range(4)]
    working += [Reader(system, f"reader {number}", reads / 4) for number in range(4)]
    return following, working
