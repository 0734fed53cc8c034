# SPDX-License-Identifier: MPL-2.0
"""Failover by Patroni, whose members agree through etcd: the leader's machine is lost while clients write, and then returns."""
import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request

import psycopg2

from failover import both, describe
from lab import POSTGRES_BIN, check, free_port, query, until
from service import Service, Writers, prepare

LIFETIME = 20  # of the leader's key, in seconds; Patroni's minimum

CONFIGURATION = """
scope: ctms
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{host: "127.0.0.1:{etcd}"}}
bootstrap:
  dcs:
    ttl: {lifetime}
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {{max_connections: 100, shared_buffers: 64MB, wal_keep_size: 256MB}}
  initdb: [{{encoding: UTF8}}, {{locale: C.UTF-8}}, data-checksums]
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/data
  bin_dir: {bin}
  pgpass: {folder}/pgpass
  authentication:
    superuser: {{username: postgres, password: postgres}}
    replication: {{username: replicator, password: replicator}}
    rewind: {{username: rewinder, password: rewinder}}
  parameters: {{unix_socket_directories: "{folder}"}}
"""


class Member:
    """A Patroni member with its PostgreSQL."""

    def __init__(self, lab, name, etcd):
        self.lab, self.name, self.port, self.rest = lab, name, free_port(), free_port()
        folder = lab.path(name)
        lab.run("mkdir", "-m", "700", folder)
        self.configuration = lab.write(f"{name}.yaml", CONFIGURATION.format(
            name=name, rest=self.rest, etcd=etcd, port=self.port, folder=folder, bin=POSTGRES_BIN, lifetime=LIFETIME))
        self.start()

    def start(self):
        self.process = self.lab.spawn(self.name, [shutil.which("patroni"), self.configuration])

    def state(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/patroni", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as answer:  # the 503 of a member that is not ready has the same content
            return json.load(answer)
        except OSError:
            return {}

    def leads(self):
        check(self.process.running(), f"patroni of {self.name} ended: {self.process.text()[-2000:]}")
        return self.state().get("role") == "master" and self.state().get("state") == "running"

    def postmaster(self):
        with open(self.lab.path(self.name) + "/data/postmaster.pid", encoding="ascii") as file:
            return int(file.readline())

    def lose_machine(self):
        """Ends Patroni and PostgreSQL immediately, without a notice to anyone."""
        postmaster = self.postmaster()
        self.process.end(signal.SIGKILL)
        os.kill(postmaster, signal.SIGQUIT)


def synchronous_standby(member):
    try:
        return query(member.port, "select application_name from pg_stat_replication where sync_state in ('sync', 'quorum')", "postgres")
    except psycopg2.Error:
        return None


def start_etcd(lab):
    client, peer = free_port(), free_port()
    lab.spawn("etcd", [shutil.which("etcd"), "--name", "one", "--data-dir", lab.path("etcd"),
                       "--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
                       "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                       "--initial-cluster", f"one=http://127.0.0.1:{peer}"])

    def healthy():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{client}/health", timeout=2) as answer:
                return b"true" in answer.read()
        except OSError:
            return False
    until(healthy, 60, "etcd answers")
    return client


def try_loss(service, leader, other):
    writers = Writers(service)
    writers.await_more(500, 60)
    leader.lose_machine()
    until(other.leads, 3 * LIFETIME, "the other member leads")
    writers.await_more(500, 60)
    tally = writers.stop()
    missing = tally.missing(other.port)
    check(missing == 0, f"{missing} acknowledged writes are missing")
    return describe(tally, missing) + f" (the leader's key lives for {LIFETIME} s)"


def try_return(service, returned, leader):
    began = time.monotonic()
    returned.start()
    until(lambda: synchronous_standby(leader), 120, "the lost member is a synchronous standby")
    took = time.monotonic() - began
    service.add("after@example.com")
    return f"a synchronous standby again after {took:.0f} s, automatically"


def try_switchover(lab, service, leader, other):
    writers = Writers(service)
    writers.await_more(300, 60)
    until(lambda: other.state().get("sync_standby"), 120, "the other member knows that it is a synchronous standby")
    answer = lab.run(shutil.which("patronictl"), "-c", leader.configuration, "switchover", "ctms", "--master", leader.name, "--candidate",
                     other.name, "--force", env={"LC_ALL": "C.UTF-8"})
    check("Successfully switched over" in answer, answer)  # patronictl exits with 0 in any case
    until(other.leads, 60, "the other member leads")
    writers.await_more(300, 60)
    tally = writers.stop()
    missing = tally.missing(other.port)
    check(missing == 0, f"{missing} acknowledged writes are missing")
    return describe(tally, missing)


def run(lab, report):
    etcd = start_etcd(lab)
    first = Member(lab, "alpha", etcd)
    until(first.leads, 90, "the first member leads")
    second = Member(lab, "beta", etcd)
    until(lambda: synchronous_standby(first), 120, "the second member is a synchronous standby")
    query(first.port, "create database ctms", "postgres")
    client = prepare(lab, both(first, second, "read-write"))
    service = Service(lab, both(first, second, "read-write"), CTMS_DB_READ_URL=both(first, second, "prefer-standby")).log_in(client)
    report("Patroni", "the leader is killed", try_loss(service, first, second))
    report("Patroni", "the lost member comes back", try_return(service, first, second))
    report("Patroni", "planned switchover", try_switchover(lab, service, second, first))
    service.end()
    for member in (second, first):
        member.process.end()
