# SPDX-License-Identifier: MPL-2.0
"""CTMS_DB_READ_URL with a real streaming standby: which server answers what, and what happens when the standby stops, hangs or
cancels reads."""
import time

from lab import Postgres, catch_up, check, until
from service import Service, prepare

CONTACTS = 200
FAILURES = 'ctms_database_errors_total{kind="replica"}'


def commits(server):
    return server.value("select xact_commit from pg_stat_database where datname = 'ctms'", "postgres")


def settled(*servers):
    """Returns the servers' transaction counts once idle sessions have reported theirs, which takes PostgreSQL ten seconds."""
    time.sleep(11)
    return [commits(server) for server in servers]


def address(number):
    return f"person{number}@example.com"


def look_up_all(service, rounds=1):
    """Looks up every contact and returns the longest time of a lookup."""
    longest = 0.0
    for number in range(CONTACTS * rounds):
        began = time.monotonic()
        check(service.name_of(address(number % CONTACTS)) is not None, "a lookup found no contact")
        longest = max(longest, time.monotonic() - began)
    return longest


def standby_is_used(service, standby, seconds):
    """Waits until lookups reach the standby and returns the time that took; fails after `seconds`."""
    before = commits(standby)

    def reached():
        service.name_of(address(0))
        return commits(standby) > before + 3

    began = time.monotonic()
    until(reached, seconds, "the standby answers lookups again")
    return time.monotonic() - began


def try_lookups(service, primary, standby):
    before = settled(primary, standby)
    look_up_all(service)
    check(len(service.get("/updates?start=2020-01-01T00:00:00Z&limit=50")["items"]) == 50, "a page of updates is not full")
    at_primary, at_standby = [after - earlier for after, earlier in zip(settled(primary, standby), before)]
    check(at_standby > CONTACTS, f"the standby had {at_standby} transactions")
    check(at_primary < CONTACTS / 4, f"the primary had {at_primary} transactions")
    return f"{CONTACTS} lookups and a page by 2 ctms-web: {at_standby} transactions there, {at_primary} at the primary (records of API clients)"


def try_lag(service, standby, ids):
    """Pauses replay on the standby, so that an answer shows which server it came from."""
    standby.query("select pg_wal_replay_pause()", "postgres")
    until(lambda: standby.value("select pg_get_wal_replay_pause_state()", "postgres") == "paused", 20, "the standby pauses")
    service.rename(ids[0], "Changed")
    check(service.get(f"/ctms/{ids[0]}")["email"]["first_name"] == "Changed", "a read by email_id does not see the write before it")
    check(service.name_of(address(0)) == "Name", "a lookup did not come from the standby")
    service.add("new@example.com")
    check(service.name_of("new@example.com") == "Name", "a new contact is not found before the standby has it")
    page = service.get("/updates?start=2020-01-01T00:00:00Z&limit=1000")["items"]
    check(len(page) == CONTACTS + 1, f"the last page of updates lacks changes: {len(page)}")
    standby.query("select pg_wal_replay_resume()", "postgres")
    until(lambda: service.name_of(address(0)) == "Changed", 20, "the standby catches up")
    return "by email_id: the write before it; by others: the older state; new contacts and the last page of /updates: from the primary"


def try_outage(service, standby):
    standby.stop()
    longest = look_up_all(service, 3)
    failures = service.metric(FAILURES)
    check(failures >= 1, "the metrics do not report the standby's failure")
    standby.start()
    back = standby_is_used(service, standby, 20)
    return f"{3 * CONTACTS} lookups, none failed, the slowest {1000 * longest:.0f} ms, {failures:.0f} attempts there; used again {back:.1f} s after it was back"


def try_hang(service, standby):
    look_up_all(service)
    standby.freeze(True)
    try:
        longest = look_up_all(service)
        after = look_up_all(service)
    finally:
        standby.freeze(False)
    back = standby_is_used(service, standby, 30)
    return f"none failed, the slowest {longest:.1f} s at first, {after:.1f} s later; used again after {back:.1f} s"


def try_conflicts(service, primary, standby):
    """Makes the standby replay changes immediately, which cancels reads in progress there."""
    standby.query("alter system set max_standby_streaming_delay = 0", "postgres")
    standby.query("select pg_reload_conf()", "postgres")
    conflicts = "select confl_snapshot + confl_lock + confl_bufferpin + confl_deadlock from pg_stat_database_conflicts where datname = 'ctms'"
    before, failures, reads = standby.value(conflicts, "postgres"), service.metric(FAILURES), 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and service.metric(FAILURES) - failures < 5:
        primary.query("update emails set unsubscribe_reason = 'again'")
        primary.query("vacuum emails")
        for number in range(10):
            service.get(f"/updates?start=2020-01-01T00:00:00Z&limit={CONTACTS}")
            check(service.name_of(address(number)) is not None, "a lookup found no contact")
            reads += 2
    failures = service.metric(FAILURES) - failures
    return failures, f"{standby.value(conflicts, 'postgres') - before} reads cancelled at the standby, {failures:.0f} of {reads} answered by the primary, none failed"


def run(lab, report):
    primary = Postgres(lab, "primary").initialize().start()
    primary.query("create database ctms", "postgres")
    client = prepare(lab, primary.url())
    standby = Postgres(lab, "standby").copy_of(primary).start()
    service = Service(lab, primary.url(), CTMS_DB_READ_URL=standby.url()).log_in(client)
    ids = [service.add(address(number)) for number in range(CONTACTS)]
    catch_up(primary, standby)
    report("replica", "lookups and full pages of updates go to the standby", try_lookups(service, primary, standby))
    report("replica", "a standby that lags behind", try_lag(service, standby, ids))
    report("replica", "a standby that is stopped and started", try_outage(service, standby))
    report("replica", "a standby whose machine hangs", try_hang(service, standby))
    cancelled, outcome = try_conflicts(service, primary, standby)
    report("replica", "reads cancelled by recovery conflicts" if cancelled else "recovery conflicts (none came about)", outcome)
    service.end()
    standby.stop()
    primary.stop()
