# SPDX-License-Identifier: MPL-2.0
"""ctms-web processes, clients that send requests, and writers that remember which writes were acknowledged."""
import dataclasses
import http.client
import json
import os
import re
import threading
import time
import urllib.parse

from lab import Failed, Lab, check, query, until

KEY = "key of the trials, which is long enough"


class Service:
    """Several ctms-web on one database, an API client with a token, and requests that go to the servers in turn."""

    def __init__(self, lab, url, count=2, spawn=None, **settings):
        """`spawn(lab, name, command, env)` starts a process; by default, Lab.spawn_program."""
        self.lab, self.spawn_process = lab, spawn or Lab.spawn_program
        self.env = dict({"CTMS_DB_URL": url, "CTMS_SECRET_KEY": KEY, "HOST": "127.0.0.1", "PORT": "0"}, **settings)
        self.processes = [self.spawn() for _ in range(count)]
        self.ports = [self.port_of(process) for process in self.processes]
        self.turn = 0
        self.token = None

    def spawn(self):
        return self.spawn_process(self.lab, f"ctms-web-{len(self.lab.processes)}", [os.path.join(self.lab.bin, "ctms-web")], self.env)

    def replace(self, number):
        """Starts a server in place of one that has ended. It listens on another port."""
        self.processes[number] = self.spawn()
        self.ports[number] = self.port_of(self.processes[number])

    @staticmethod
    def port_of(process):
        def listening():
            check(process.running(), f"ctms-web ended: {process.text()}")
            return re.search(r'"port":(\d+).*"Listening"', process.text())
        return int(until(listening, 120, "ctms-web listens")[1])

    def log_in(self, client):
        form = urllib.parse.urlencode({"grant_type": "client_credentials", **client})

        def answer():
            status, body = self.ask("POST", "/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
            check(status in (200, 503), f"no token: {status}")
            return status == 200 and body

        self.token = json.loads(until(answer, 60, "a token"))["access_token"]
        return self

    def connection(self):
        self.turn += 1
        return http.client.HTTPConnection("127.0.0.1", self.ports[self.turn % len(self.ports)], timeout=60)

    def ask(self, method, target, body=None, headers=None, connection=None):
        link = connection or self.connection()
        headers = dict(headers or {"Content-Type": "application/json"}, **({"Authorization": f"Bearer {self.token}"} if self.token else {}))
        link.request(method, target, body, headers)
        answer = link.getresponse()
        text = answer.read().decode()
        if connection is None:
            link.close()
        return answer.status, text

    def get(self, target, status=200):
        got, text = self.ask("GET", target)
        check(got == status, f"GET {target}: {got} {text}")
        return json.loads(text)

    def add(self, address, name="Name"):
        status, text = self.ask("POST", "/ctms", json.dumps({"email": {"primary_email": address, "first_name": name}}))
        check(status == 201, f"not stored: {status} {text}")
        return json.loads(text)["email"]["email_id"]

    def rename(self, email_id, name):
        status, text = self.ask("PATCH", f"/ctms/{email_id}", json.dumps({"email": {"first_name": name}}))
        check(status == 200, f"not changed: {status} {text}")

    def name_of(self, address):
        found = self.get("/ctms?" + urllib.parse.urlencode({"primary_email": address}))
        return found[0]["email"]["first_name"] if found else None

    def metric(self, line):
        total = 0.0
        for port in self.ports:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            link.request("GET", "/metrics")
            text = link.getresponse().read().decode()
            found = re.search("^" + re.escape(line) + r" (\S+)$", text, re.M)
            total += float(found[1]) if found else 0
        return total

    def end(self):
        for process in self.processes:
            process.end()
            check(process.child.returncode == 0, f"ctms-web ended with {process.child.returncode}: {process.text()[-2000:]}")


def prepare(lab, url, name="trial", *arguments, **settings):
    """Creates the schema, if necessary, and an API client. Returns the client's id and secret."""
    env = dict({"CTMS_DB_URL": url}, **settings)
    program = os.path.join(lab.bin, "ctms-admin")
    lab.run(program, "migrate", env=env, as_server=False)
    made = json.loads(lab.run(program, "clients", "create", name, "-e", "trial@example.com", "--json", *arguments, env=env, as_server=False))
    return {"client_id": made["client_id"], "client_secret": made["client_secret"]}


@dataclasses.dataclass
class Tally:
    acknowledged: list = dataclasses.field(default_factory=list)  # (time, email_id, newsletter or None)
    unavailable: int = 0
    lost: int = 0
    unexpected: list = dataclasses.field(default_factory=list)

    def gap(self):
        """The longest time without an acknowledged write, in seconds."""
        times = sorted(when for when, _, _ in self.acknowledged)
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)

    def missing(self, port):
        """The number of acknowledged writes that are missing in the database."""
        contacts = {row[0] for row in query(port, "select email_id::text from emails")}
        newsletters = {tuple(row) for row in query(port, "select email_id::text, name from newsletters")}
        return sum(1 for _, email_id, name in self.acknowledged if (email_id not in contacts if name is None else (email_id, name) not in newsletters))


class Writers:
    """Threads that continuously create contacts and subscribe them, until stop()."""

    def __init__(self, service, count=8):
        self.service, self.tally = service, Tally()
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(number,), daemon=True) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self, number):
        link, round_number = None, 0
        while not self.stopped.is_set():
            link = link or self.service.connection()
            round_number += 1
            try:
                email_id = self.write(link, "POST", "/ctms", {"email": {"primary_email": f"w{number}-{round_number}-{id(self)}@example.com"}}, 201)
                if email_id:
                    self.write(link, "PATCH", f"/ctms/{email_id}", {"newsletters": [{"name": "hubs"}]}, 200, "hubs")
            except (OSError, http.client.HTTPException):
                with self.lock:
                    self.tally.lost += 1
                link.close()
                link = None

    def write(self, link, method, target, body, wanted, newsletter=None):
        status, text = self.service.ask(method, target, json.dumps(body), connection=link)
        with self.lock:
            if status == wanted:
                email_id = json.loads(text)["email"]["email_id"]
                self.tally.acknowledged.append((time.monotonic(), email_id, newsletter))
                return email_id
            if status == 503:
                self.tally.unavailable += 1
            else:
                self.tally.unexpected.append(f"{status} {text[:200]}")
        self.stopped.wait(0.02)
        return None

    def count(self):
        with self.lock:
            return len(self.tally.acknowledged)

    def await_more(self, count, seconds):
        goal = self.count() + count
        until(lambda: self.count() >= goal, seconds, f"{count} more writes are acknowledged")

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join(90)
            if thread.is_alive():
                raise Failed("a writer did not end")
        check(not self.tally.unexpected, f"unexpected answers: {self.tally.unexpected[:3]}")
        return self.tally
