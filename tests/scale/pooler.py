# SPDX-License-Identifier: MPL-2.0
"""The service behind PgBouncer: in session mode with prepared statements, in transaction mode without."""
import contextlib
import os
import shutil
import threading
import time

import psycopg2

from lab import Postgres, check, free_port, query, until
from service import Service, Writers, prepare

SERVER_CONNECTIONS = 4

CONFIGURATION = """
[databases]
session = host=127.0.0.1 port={server} dbname=ctms user=postgres pool_mode=session pool_size=60
transaction = host=127.0.0.1 port={server} dbname=ctms user=postgres pool_mode=transaction pool_size={few}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = postgres
max_client_conn = 200
"""


class PgBouncer:
    def __init__(self, lab, server):
        self.port = free_port()
        path = lab.write(f"pgbouncer-{self.port}.ini", CONFIGURATION.format(server=server.port, port=self.port, few=SERVER_CONNECTIONS))
        program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
        self.process = lab.spawn(f"pgbouncer-{self.port}", [program, path])
        until(self.running, 20, "PgBouncer answers")

    def running(self):
        check(self.process.running(), f"pgbouncer ended: {self.process.text()}")
        try:
            return query(self.port, "show version", "pgbouncer")
        except psycopg2.Error:
            return None

    def url(self, mode):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{mode}"

    def connections(self, mode):
        """Returns the number of connections to clients and to the server."""
        return tuple(sum(1 for row in query(self.port, f"show {side}", "pgbouncer") if row[2] == mode) for side in ("clients", "servers"))


def all_calls(service, name):
    """Makes each kind of write and read, and pages through the updates."""
    address = f"{name}@example.com"
    email_id = service.add(address)
    service.rename(email_id, "Changed")
    check(service.name_of(address) == "Changed", "a lookup is wrong")
    check(service.get(f"/ctms/{email_id}")["email"]["first_name"] == "Changed", "a contact is wrong")
    check(len(service.get(f"/identities?primary_email={address}")) == 1, "an identity is wrong")
    pages, target = [], "/updates?start=2020-01-01T00:00:00Z&limit=7"
    while target:
        page = service.get(target)
        pages += page["items"]
        target = page["next"] and page["next"].removeprefix("http://localhost:8000")
    check(email_id in [item["email"]["email_id"] for item in pages], "updates lack a contact")
    status, _ = service.ask("DELETE", f"/ctms/{address}")
    check(status == 200, f"not deleted: {status}")
    service.get(f"/ctms/{email_id}", 404)


def under_load(service, bouncer, mode, server):
    """Lets many clients write. Returns the number of writes and the most connections on each side of PgBouncer."""
    writers, seen, stopped = Writers(service, 24), [], threading.Event()

    def watch():
        while not stopped.wait(0.05):
            seen.append(bouncer.connections(mode))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        writers.await_more(1500, 60)
    finally:
        stopped.set()
        watcher.join()
    tally = writers.stop()
    check(tally.unavailable == 0 and tally.lost == 0, f"{tally.unavailable} answers 503, {tally.lost} lost")
    check(tally.missing(server.port) == 0, "a write is missing")
    return len(tally.acknowledged), max(clients for clients, _ in seen), max(backends for _, backends in seen)


def try_limits(service, server):
    """Checks that a write waiting for a lock fails after 5 seconds, the limit that CTMS sets in its sessions."""
    email_id = service.add("locked@example.com")
    with contextlib.closing(psycopg2.connect(host="127.0.0.1", port=server.port, dbname="ctms", user="postgres")) as link:
        link.cursor().execute("select from emails for update")
        began = time.monotonic()
        status, _ = service.ask("PATCH", f"/ctms/{email_id}", '{"email": {"first_name": "Late"}}')
        took = time.monotonic() - began
    check(status == 503 and took < 10, f"a write that waits for a lock: {status} after {took:.1f} s")


MANY = {"CTMS_WORKERS": "8", "CTMS_DB_POOL_SIZE": "16"}


def try_mode(lab, bouncer, server, client, mode, settings):
    service = Service(lab, bouncer.url(mode), 3, **settings, **MANY).log_in(client)
    all_calls(service, mode)
    if mode == "session":
        try_limits(service, server)
    writes, clients, backends = under_load(service, bouncer, mode, server)
    service.end()
    return clients, backends, f"all calls work; {writes} writes, none failed: {clients} connections of 3 ctms-web on {backends} of the server"


def run(lab, report):
    server = Postgres(lab, "pooled").initialize().start()
    server.query("create database ctms", "postgres")
    bouncer = PgBouncer(lab, server)
    unprepared = {"CTMS_DB_PREPARED": "false"}
    client = prepare(lab, bouncer.url("transaction"), **unprepared)
    _, _, outcome = try_mode(lab, bouncer, server, client, "session", {})
    report("PgBouncer", "session mode, prepared statements", outcome)
    clients, backends, outcome = try_mode(lab, bouncer, server, client, "transaction", unprepared)
    check(clients > SERVER_CONNECTIONS >= backends, f"{clients} connections on {backends}")
    report("PgBouncer", "transaction mode, CTMS_DB_PREPARED=false", outcome)
    bouncer.process.end()
    server.stop()
