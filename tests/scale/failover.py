# SPDX-License-Identifier: MPL-2.0
"""Manual failover: the primary is killed while clients write, and the synchronous standby is promoted. CTMS_DB_URL names both."""
import time

from lab import Postgres, check, until
from service import Service, Writers, prepare


def describe(tally, missing):
    return (f"{len(tally.acknowledged)} writes acknowledged, {missing} of them missing; none acknowledged for {tally.gap():.1f} s, "
            f"{tally.unavailable} answered 503")


def synchronous(primary, names):
    primary.query(f"alter system set synchronous_standby_names = '{names}'", "postgres")
    primary.query("select pg_reload_conf()", "postgres")


def both(first, second, more):
    return f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/ctms?target_session_attrs={more}"


def try_failover(service, first, second):
    writers = Writers(service)
    writers.await_more(500, 60)
    first.crash()
    killed = time.monotonic()
    time.sleep(1)  # an operator would need time to notice
    second.promote()
    promoted = time.monotonic()
    writers.await_more(500, 60)
    tally = writers.stop()
    missing = tally.missing(second.port)
    check(missing == 0, f"{missing} acknowledged writes are missing")
    back = min(when for when, _, _ in tally.acknowledged if when > promoted) - promoted
    return describe(tally, missing) + f"; promoted after {promoted - killed:.1f} s, the first write {back:.1f} s after that"


def try_lone_primary(service, primary, standby):
    """Checks that a primary that has lost its synchronous standby acknowledges nothing."""
    standby.crash()
    time.sleep(0.5)
    began = time.monotonic()
    status, _ = service.ask("POST", "/ctms", '{"email":{"primary_email":"alone@example.com"}}')
    took = time.monotonic() - began
    check(status == 503, f"a write without the standby was answered {status}")
    synchronous(primary, "")
    until(lambda: service.ask("POST", "/ctms", '{"email":{"primary_email":"together@example.com"}}')[0] == 201, 30, "writes succeed again")
    return f"a write is answered 503 after {took:.1f} s, not acknowledged; writes succeed again when synchronous_standby_names is empty"


def run(lab, report):
    first = Postgres(lab, "first").initialize().start()
    first.query("create database ctms", "postgres")
    client = prepare(lab, first.url())
    second = Postgres(lab, "second").copy_of(first).start()
    synchronous(first, "second")
    until(lambda: first.value("select sync_state from pg_stat_replication") == "sync", 20, "the standby is synchronous")
    service = Service(lab, both(first, second, "read-write"), CTMS_DB_READ_URL=both(first, second, "prefer-standby")).log_in(client)
    report("failover", "primary killed, synchronous standby promoted by hand", try_failover(service, first, second))
    third = Postgres(lab, "third").copy_of(second).start()
    synchronous(second, "third")
    until(lambda: second.value("select sync_state from pg_stat_replication") == "sync", 20, "the standby is synchronous")
    report("failover", "the only synchronous standby is lost", try_lone_primary(service, second, third))
    service.end()
    second.stop()
