#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Runs every query of the dashboards and every alert on metrics of real programs. Called by dashboards.sh, which starts
ctms-web and sets BASE_URL, CLIENT_ID and CLIENT_SECRET: dashboards.py BIN-DIRECTORY PACKAGING-DIRECTORY SCRATCH-DIRECTORY
"""

import http.client
import json
import math
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(sys.argv[2]) / "grafana"))
import make_dashboards  # noqa: E402

DASHBOARDS = ("operations.json", "sync.json", "alerts.json")

# Panels that stay at zero during this test. All others must show more.
ZERO = {
    "operations.json": {"Errors", "Share of errors", "Failures by kind", "Threads that wait for a connection", "Delay of /changes",
                        "Used ids", "Restarts in an hour", "Writes with the older waitlists", "Parked Stripe objects",
                        "Oldest erasure", "Erasures to confirm", "Failures of streams"},
    "sync.json": {"Failures of the database", "Parked webhooks", "Restarts in an hour", "Bulk jobs", "Contacts of bulk jobs",
                  "Bulk job under way", "Duration of bulk jobs"},
    "alerts.json": {"Firing, critical", "Firing, warning", "CtmsApiErrors", "CtmsRequestsRejected", "CtmsDatabaseErrors",
                    "CtmsPoolExhausted", "CtmsChangesDelayed", "CtmsIdsRunOut", "CtmsReplicaFails", "CtmsRestarting",
                    "CtmsSyncBacklogGrowing", "CtmsSyncContactsParked", "CtmsWebhookParked", "CtmsStripeParked",
                    "CtmsErasureLate", "CtmsEventStreamsFail", "CtmsSyncBulkJobsFail"},
}


def fail(text):
    print(f"Failed: {text}")
    sys.exit(1)


def until(what, condition, seconds=60):
    """Waits until a condition returns something true, and returns that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    return fail(f"not within {seconds} s: {what}")


def call(url, body=None, headers=None, method=None):
    """Returns the status and body of an answer; (0, "") if there is none."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}, method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""


class Programs:
    """The programs that this test starts and ends."""

    def __init__(self, scratch):
        self.scratch, self.running = pathlib.Path(scratch), []

    def start(self, name, command, **environment):
        log = self.scratch / f"{name}.log"
        with log.open("w") as out:
            self.running.append(subprocess.Popen(command, stdout=out, stderr=out, env=os.environ | environment))
        return log

    def end(self):
        for one in reversed(self.running):
            one.terminate()
        for one in self.running:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()


def logged(log, pattern):
    return lambda: re.search(pattern, log.read_text())


def start_vendor(programs, folder):
    log = programs.start("fake-acoustic", [f"{folder}/fake-acoustic", "--port", "0", "--latency-ms", "20"])
    return until("fake-acoustic listens", logged(log, r"Listening on (http://\S+)"))[1]


def start_sync(programs, folder, vendor):
    log = programs.start(
        "ctms-sync", [f"{folder}/ctms-sync", "--embedded"], CTMS_ACOUSTIC_SYNC_FEATURE_FLAG="true",
        CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG="true", CTMS_ACOUSTIC_BASE_URL=vendor, CTMS_ACOUSTIC_CLIENT_ID="fake-client",
        CTMS_ACOUSTIC_CLIENT_SECRET="fake-secret", CTMS_ACOUSTIC_REFRESH_TOKEN="fake-refresh", CTMS_ACOUSTIC_MAIN_TABLE_ID="1001",
        CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID="1002", CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID="1003", CTMS_ACOUSTIC_LOOP_MIN_SECS="1",
        CTMS_BACKGROUND_METRICS_PORT="0")
    return until("ctms-sync listens", logged(log, r'"port":(\d+)'))[1]


def add_webhook(folder, vendor):
    """Adds a webhook whose receiver refuses everything."""
    subprocess.run([f"{folder}/ctms-admin", "--embedded", "webhooks", "add", f"{vendor}/webhook", "--name", "shop", "--allow-http",
                    "--allow-private-address"], check=True, stdout=subprocess.DEVNULL)


def limited_token(folder):
    """Adds a client that may send one request in an hour, and returns a token of it."""
    def admin(*words):
        return subprocess.run([f"{folder}/ctms-admin", "--embedded", *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    admin("clients", "create", "limited", "--email", "limited@example.com")
    admin("clients", "set-limit", "limited", "--rate", "1/h", "--burst", "1")
    return admin("token", "limited").strip()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    """A Prometheus with the alert rules that scrapes every second. Its jobs have the names of the example. `more` is further configuration."""

    def __init__(self, programs, packaging, web, sync, more=None):
        config = programs.scratch / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str((pathlib.Path(packaging) / "prometheus/alerts.yml").resolve())],
            "scrape_configs": [{"job_name": name, "static_configs": [{"targets": [where]}]}
                               for name, where in (("ctms-web", web), ("ctms-sync", sync))]} | (more or {})))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        programs.start("prometheus", ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={programs.scratch}/tsdb",
                                      f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
        until("Prometheus is ready", lambda: call(f"http://127.0.0.1:{port}/-/ready")[0] == 200)
        until("Prometheus scrapes both", lambda: self.ask("query", query="count(up == 1) == 2")["result"])

    def ask(self, what, **parameters):
        status, text = call(self.url + what + "?" + urllib.parse.urlencode(parameters))
        if status != 200:
            fail(f"Prometheus answers {status} to {what} {parameters}: {text[:500]}")
        return json.loads(text)["data"]

    def values(self, query, start):
        """Returns all values of a query since `start`."""
        result = self.ask("query_range", query=query, start=start, end=time.time(), step=1)["result"]
        numbers = [float(value) for series in result for _, value in series["values"]]
        return [number for number in numbers if not math.isnan(number)]


class Load:
    """Sends requests of all kinds, good and bad ones."""

    def __init__(self, vendor, limited):
        self.base, self.vendor, self.limited, self.count = os.environ["BASE_URL"], vendor, limited, 0
        credentials = {"client_id": os.environ["CLIENT_ID"], "client_secret": os.environ["CLIENT_SECRET"]}
        status, answer = call(f"{self.base}/token", urllib.parse.urlencode(credentials).encode())
        if status != 200:
            fail(f"no token: {status}")
        self.headers = {"Authorization": f"Bearer {json.loads(answer)['access_token']}", "Content-Type": "application/json"}
        self.stream = self.open_stream()  # gets the changes of all rounds
        # The vendor refuses one contact permanently, which is then parked; another contact fails once.
        self.trouble("fault_answer=121,method=AddRecipient,holds=parked-1")
        self.trouble("fault_answer=50,method=AddRecipient,times=1")

    def trouble(self, fault, **more):
        status, text = call(f"{self.vendor}/control", urllib.parse.urlencode({"fault": fault, **more} if fault else more).encode())
        if status != 200:
            fail(f"fake-acoustic answers {status}: {text}")

    def create(self, name):
        contact = {"email": {"primary_email": f"{name}@example.com"}, "newsletters": [{"name": "hubs"}]}
        return call(f"{self.base}/ctms", json.dumps(contact).encode(), self.headers)[0]

    def connect(self):
        host, port = self.base.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), 5)

    def open_stream(self):
        """Returns the connection of an event stream of /changes that has begun."""
        stream = self.connect()
        stream.sendall(f"GET /changes HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: {self.headers['Authorization']}\r\n\r\n"
                       .encode())
        if not stream.recv(4096).startswith(b"HTTP/1.1 200 "):
            fail("no event stream")
        return stream

    def round(self):
        self.count += 1
        self.open_stream().close()
        if self.create(f"jane-{self.count}") != 201:
            fail("a contact could not be created")
        self.create("jane-1")
        for path in (f"/ctms?primary_email=jane-{self.count}@example.com", "/ctms/not-an-id", "/updates", "/__heartbeat__"):
            call(self.base + path, headers=self.headers)
        call(f"{self.base}/ctms", b"{", self.headers)
        call(f"{self.base}/ctms?primary_email=jane-1@example.com")
        call(f"{self.base}/__crash__", headers=self.headers)
        call(f"{self.base}/updates", headers={"Authorization": f"Bearer {self.limited}"})
        call(f"{self.base}/token", f"client_id={os.environ['CLIENT_ID']}&client_secret=wrong".encode())
        self.malformed()

    def more(self):
        """Runs a round for a condition that may need one more; returns nothing."""
        self.round()

    def malformed(self):
        with self.connect() as one:
            one.sendall(b"nonsense\r\n\r\n")
            while one.recv(4096):
                pass

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.round()


def check_shape(name, board):
    """Checks a dashboard for what Grafana would reject."""
    for key in ("uid", "title", "schemaVersion", "panels", "templating"):
        if not board.get(key):
            fail(f"{name} has no {key}")
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        fail(f"{name}: two panels have the same id")
    taken = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cell[0] >= 24 or taken.setdefault(cell, panel["title"]) != panel["title"]:
                fail(f"{name}: {panel['title']} overlaps {taken.get(cell)} or is outside the grid")
        if panel["type"] != "row" and not panel.get("targets"):
            fail(f"{name}: {panel['title']} has no query")


def check_variables(prometheus, name, board):
    """Checks that each variable has values, and returns what replaces them, as Grafana does for "All"."""
    chosen = {}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
        series = prometheus.ask("series", **{"match[]": replace(selector, chosen)})
        found = sorted({one[label] for one in series if label in one})
        if not found:
            fail(f"{name}: no values for {variable['name']}")
        chosen[variable["name"]] = variable.get("allValue") or "(" + "|".join(found) + ")"
    return chosen


def replace(query, chosen):
    for name, value in (chosen | {"__rate_interval": "5s"}).items():
        query = query.replace(f"${name}", value)
    if "$" in query:
        fail(f"an unknown variable in {query}")
    return query


def check_panels(prometheus, load, name, board, start):
    """Checks that each panel shows what it should. A panel that does not yet gets more load and more time."""
    chosen = check_variables(prometheus, name, board)
    count = 0
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            count += 1
            query = replace(target["expr"], chosen)
            if panel["type"] == "table":  # an empty table of alerts is correct, but its query must work
                prometheus.values(query, start)
                continue
            if panel["title"] in ZERO[name]:
                until(f"{name}: {panel['title']} shows something: {query}", lambda: prometheus.values(query, start) or load.more())
            else:
                until(f"{name}: {panel['title']} is above 0: {query}", lambda: any(prometheus.values(query, start)) or load.more())
    titles = {panel["title"] for panel in board["panels"]}
    if ZERO[name] - titles:
        fail(f"{name} has no panel {ZERO[name] - titles}")
    return count


def check_alerts(prometheus, packaging):
    """Checks that the dashboard shows the rules as Prometheus reads them, and that no rule fails or fires."""
    loaded = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    text = (pathlib.Path(packaging) / "prometheus/alerts.yml").read_text()
    shown = {rule["alert"]: rule for rule in make_dashboards.read_rules(text)}
    if sorted(rule["name"] for rule in loaded) != sorted(shown):
        fail("the dashboard of alerts does not show all rules")
    for rule in loaded:
        panel = shown[rule["name"]]
        if rule["health"] != "ok":
            fail(f"{rule['name']}: {rule.get('lastError')}")
        if rule["state"] == "firing":
            fail(f"{rule['name']} fires although nothing is wrong")
        direction, number = panel["threshold"]
        both = (rule["query"], f"{panel['query']} {direction} {number!r}")
        if len({prometheus.ask("format_query", query=query) for query in both}) != 1:
            fail(f"{rule['name']} differs from what the dashboard shows: {both}")
        if rule["annotations"]["runbook"] != f"docs/runbook.md#{rule['name'].lower()}":
            fail(f"{rule['name']} points to the wrong section of the runbook")
    return len(loaded)


def main(folder, packaging, scratch):
    boards = {name: json.loads((pathlib.Path(packaging) / "grafana" / name).read_text()) for name in DASHBOARDS}
    for name, board in boards.items():
        check_shape(name, board)
    programs = Programs(scratch)
    try:
        start = time.time()
        vendor = start_vendor(programs, folder)
        add_webhook(folder, vendor)
        load = Load(vendor, limited_token(folder))
        port = start_sync(programs, folder, vendor)
        prometheus = Prometheus(programs, packaging, os.environ["BASE_URL"].removeprefix("http://"), f"127.0.0.1:{port}")
        load.create("parked-1")
        load.run(6)
        load.trouble("", down="3")
        load.run(4)
        # On a busy machine no scrape may fall into the outage, so it is repeated until one has. While it lasts, the vendor answers nothing.
        until("the circuit was open",
              lambda: any(prometheus.values("ctms_sync_circuit_open", start)) or (call(f"{vendor}/control", b"down=3") and load.more()))
        until("a contact is parked", lambda: any(prometheus.values('ctms_sync_queue_parked{job="ctms-sync"}', start)))
        until("the rules were evaluated", lambda: all(
            rule["health"] != "unknown" for group in prometheus.ask("rules")["groups"] for rule in group["rules"]))
        queries = sum(check_panels(prometheus, load, name, board, start) for name, board in boards.items())
        alerts = check_alerts(prometheus, packaging)
    finally:
        programs.end()
    print(f"Dashboards are good: {queries} queries, {alerts} alerts, {load.count} rounds of load")


if __name__ == "__main__":
    main(*sys.argv[1:])
