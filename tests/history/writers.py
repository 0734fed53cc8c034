# SPDX-License-Identifier: MPL-2.0
"""Writers of every kind. They change the same contacts, and each makes some of its own. KINDS says how many of each run."""
import json
import os
import subprocess
import uuid

import psycopg2

from actor import Actor, Connection, Unavailable
from scene import SHARED, shared_id


class Writer(Actor):
    number = 0

    def marker(self, prefix="by"):
        """A value that no other write has."""
        self.number += 1
        return f"{prefix} {self.name} {self.number}"

    def address(self):
        self.number += 1
        return f"{self.name.replace(' ', '-')}-{self.number}@example.com"

    def shared(self):
        return self.random.randint(1, SHARED)

    def shared_address(self):
        return f"shared-{self.shared()}@example.com"


def new_contact(address, name, email_id=None):
    email = {"primary_email": address, "first_name": name}
    if email_id:
        email["email_id"] = email_id
    return {"email": email, "newsletters": [{"name": "hubs"}]}


class ApiWriter(Writer):
    """Calls of the API. PATCH requests that wait at the same time share statements."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.link, self.mine = Connection(scene), []

    def step(self):
        kinds = ((self.change, 60), (self.change_mine, 15), (self.add, 12), (self.replace, 8), (self.delete, 5))
        self.random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()

    def send(self, method, target, body, wanted):
        status, _, text = self.link.ask(method, target, body and json.dumps(body))
        if status == 503:
            self.counts["unavailable"] += 1
            raise Unavailable(text)
        self.expect(status in wanted, f"{method} {target}: {status} {text}")
        self.counts["writes" if status < 300 else "refused"] += 1
        return status

    def patch(self):
        name = self.marker()
        return self.random.choice((
            {"email": {"first_name": name}}, {"email": {"first_name": name}, "newsletters": [{"name": self.random.choice("abc"), "lang": "fr"}]},
            {"newsletters": [{"name": "hubs", "subscribed": False}]}, {"newsletters": "UNSUBSCRIBE"}, {"amo": {"display_name": name}},
            {"amo": "DELETE"}, {"waitlists": [{"name": self.random.choice("vw")}]}, {"waitlists": "UNSUBSCRIBE"}))

    def change(self):
        self.send("PATCH", f"/ctms/{shared_id(self.shared())}", self.patch(), (200, 404))

    def change_mine(self):
        if self.mine:
            self.send("PATCH", f"/ctms/{self.random.choice(self.mine)[0]}", self.patch(), (200, 404))

    def add(self):
        email_id, address = str(uuid.UUID(int=self.random.getrandbits(128), version=4)), self.address()
        self.send("POST", "/ctms", new_contact(address, self.marker(), email_id), (201,))
        self.mine.append((email_id, address))

    def replace(self):
        number = self.shared()
        self.send("PUT", f"/ctms/{shared_id(number)}", new_contact(f"shared-{number}@example.com", self.marker(), shared_id(number)),
                  (200, 201, 409))

    def delete(self):
        address = self.mine.pop()[1] if self.mine and self.random.random() < 0.8 else self.shared_address()
        self.send("DELETE", f"/ctms/{address}", None, (200, 404))


class StripeWriter(ApiWriter):
    """Customers and subscriptions of accounts. They send contacts to the vendor and leave them unchanged."""

    pause = 0.1

    def step(self):
        number = self.shared()
        customer, price = f"cus_{number}", {"id": "price_1", "object": "price", "created": 1603795500, "product": "prod_1", "active": True,
                                           "currency": "usd", "recurring": {"interval": "month", "interval_count": 1},
                                           "unit_amount": self.random.randint(1, 999)}
        item = {"id": f"si_{number}", "object": "subscription_item", "created": 1632700800, "subscription": f"sub_{number}", "price": price}
        self.send("POST", "/stripe", self.random.choice((
            {"id": customer, "object": "customer", "created": 1635176040 + self.number, "description": f"fxa-{number:04}",
             "email": "payer@example.com", "default_source": None, "invoice_settings": {"default_payment_method": None}},
            {"id": f"sub_{number}", "object": "subscription", "created": 1632700800, "customer": customer, "cancel_at_period_end": False,
             "canceled_at": None, "current_period_start": 1635292800, "current_period_end": 1637971200, "ended_at": None,
             "start_date": 1632700800, "status": self.random.choice(("active", "trialing")), "default_source": None,
             "default_payment_method": None, "items": {"object": "list", "data": [item]}})), (200, 409))


class AdminWriter(Writer):
    """Commands of ctms-admin on files."""

    pause = 0.3
    FINE = (0, 65, 67)   # 65, 67: some lines name contacts that others have deleted or taken
    OUTAGE = (69, 75)

    def admin(self, *arguments, text):
        path = self.scene.lab.write(f"{self.scene.database}-{self.name.replace(' ', '-')}.txt", text)
        with open(path + ".log", "wb") as log:
            with subprocess.Popen([os.path.join(self.scene.lab.bin, "ctms-admin"), *arguments, path], stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=log, env=self.scene.admin_environment(), start_new_session=True) as child:
                try:
                    code = child.wait(60)
                except subprocess.TimeoutExpired:
                    child.kill()
                    raise AssertionError(f"ctms-admin {arguments} did not end") from None
        with open(path + ".log", encoding="utf-8") as log:
            self.expect(code in self.FINE + self.OUTAGE, f"ctms-admin {' '.join(arguments)}: {code} {log.read()[-1000:]}")
        self.counts["commands"] += code in self.FINE


class Importer(AdminWriter):
    def step(self):
        lines = [json.dumps(new_contact(self.address(), self.marker())) for _ in range(20)]
        lines += [json.dumps(new_contact(f"shared-{number}@example.com", self.marker(), shared_id(number)))
                  for number in self.random.sample(range(1, SHARED + 1), 20)]
        how = self.random.choice((("--replace", "--allow-opt-in"), ("--merge",), ("--replace", "--no-sync", "--jobs", "2", "--batch", "7")))
        self.admin("contacts", "import", *how, text="\n".join(lines) + "\n")


class Suppressor(AdminWriter):
    def step(self):
        self.admin("suppress", "--yes", text="".join(self.shared_address() + "\n" for _ in range(30)))


class Deleter(AdminWriter):
    pause = 1.0

    def step(self):
        self.admin("contacts", "delete-bulk", "--yes", text="".join(self.shared_address() + "\n" for _ in range(5)))


class SqlWriter(Writer):
    """Transactions of other programs, which stay open for up to some seconds, and are sometimes rolled back."""

    longest = 2.0
    EXPECTED = (psycopg2.errors.DeadlockDetected, psycopg2.errors.LockNotAvailable, psycopg2.errors.UniqueViolation,
                psycopg2.errors.ForeignKeyViolation, psycopg2.errors.QueryCanceled, psycopg2.errors.ReadOnlySqlTransaction)

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.database = None

    def step(self):
        self.database = self.database or self.scene.connect()
        commits = self.random.random() < 0.7
        name = self.marker("by" if commits else "never")
        try:
            cursor = self.database.cursor()
            cursor.execute("select 1")
            self.wait(0.5)
            for _ in range(self.random.randint(1, 3)):
                statement = self.random.choice(self.statements())
                cursor.execute(statement, {"id": shared_id(self.shared()), "name": name, "address": self.address(), "word": self.random.choice("abc"),
                                           "quiet": self.random.choice(sorted(self.scene.quiet))})
            self.wait(1.0)
            self.database.commit() if commits else self.database.rollback()
            self.counts["transactions"] += 1
        except self.EXPECTED as refusal:
            self.database.rollback()
            self.counts["refused"] += 1
            if isinstance(refusal, psycopg2.errors.ReadOnlySqlTransaction):  # this session stays so
                self.database.close()
                self.database = None
        except psycopg2.Error:
            self.database.close()
            self.database = None
            raise

    def wait(self, share):
        self.stopped.wait(share * self.longest * self.random.random() ** 3)

    def statements(self):
        return ("update emails set first_name = %(name)s, update_timestamp = now() where email_id = %(id)s",
                "update emails set first_name = %(name)s where email_id = %(quiet)s",
                "insert into emails (email_id, primary_email, first_name, update_timestamp) values (gen_random_uuid(), %(address)s, %(name)s, now())",
                "insert into emails (email_id, primary_email, first_name, update_timestamp) select gen_random_uuid(), %(address)s || n, %(name)s, "
                "clock_timestamp() from generate_series(1, 30) n",
                "savepoint s; update emails set first_name = 'never like this', update_timestamp = now() where email_id = %(id)s; "
                "rollback to savepoint s; update emails set first_name = %(name)s, update_timestamp = clock_timestamp() where email_id = %(id)s",
                "delete from newsletters where email_id = %(quiet)s and name = %(word)s",
                "update newsletters set lang = %(word)s where email_id = %(quiet)s",
                "update waitlists set name = %(name)s where email_id = %(quiet)s and name = 'v'")


class PythonService(SqlWriter):
    """Transactions of the service that CTMS replaces: short, with a time of their begin, and a row that asks for a sync."""

    longest = 0.2
    PENDING = "insert into pending_acoustic (email_id, retry, update_timestamp) select email_id, 0, now() from emails where email_id = %(id)s"
    EXPECTED = SqlWriter.EXPECTED + (psycopg2.errors.NotNullViolation,)

    def statements(self):
        return ("update emails set first_name = %(name)s, update_timestamp = now() where email_id = %(id)s; "
                "insert into newsletters (email_id, name, subscribed, format, lang, update_timestamp) select email_id, %(word)s, true, 'H', 'en', "
                "now() from emails where email_id = %(id)s on conflict (email_id, name) do update set lang = 'de', update_timestamp = now(); " + self.PENDING,
                "insert into emails (email_id, primary_email, first_name, update_timestamp) values (%(id)s, 'shared-' || right(%(id)s, 12)::int || "
                "'@example.com', %(name)s, now()) on conflict (email_id) do update set first_name = excluded.first_name, "
                "update_timestamp = excluded.update_timestamp; insert into amo (email_id, display_name, update_timestamp) values (%(id)s, %(name)s, "
                "now()) on conflict (email_id) do update set display_name = excluded.display_name, update_timestamp = now(); " + self.PENDING,
                "delete from pending_acoustic where email_id = %(id)s; delete from newsletters where email_id = %(id)s; delete from waitlists where "
                "email_id = %(id)s; delete from amo where email_id = %(id)s; delete from fxa where email_id = %(id)s; delete from mofo where "
                "email_id = %(id)s; delete from emails where email_id = %(id)s")


KINDS = {"api": (ApiWriter, 64), "stripe": (StripeWriter, 2), "import": (Importer, 1), "suppress": (Suppressor, 1), "delete-bulk": (Deleter, 1),
         "sql": (SqlWriter, 4), "python": (PythonService, 4)}
