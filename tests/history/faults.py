# SPDX-License-Identifier: MPL-2.0
"""What goes wrong in a round. Each fault is a thread that makes it happen again and again, and heal() leaves every server as it was.
KINDS lists them.
"""
import contextlib
import os
import resource
import signal

import psycopg2

from actor import Actor
from lab import PipedProcess
from scene import FAKETIME, ClusterOnSmallDisk, ClusterWithClock


class Fault(Actor):
    pause = 1.5
    with_vendor = True        # whether ctms-sync sends to a vendor in part system; without one, its queue is compared
    environment = {}          # further settings of ctms-web
    spawn_web = None          # how ctms-web is started
    ends_cluster = False      # whether the cluster cannot be used again
    times_lie = False         # whether the clock of the database jumps: readers of times may then miss changes
    cluster = None            # the kind of cluster that this fault needs, if it is not the usual one

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.service = scene.service

    @staticmethod
    def database_url(scene, port):
        """`port`: that of the proxy."""
        return scene.primary.url(database=scene.database, port=port)

    def heal(self):
        """Called once, after the thread has ended."""

    def sabotage(self):
        """Called once, when everything is at rest and everybody knows what is stored. Returns whether it changed that."""
        return False

    def some_web(self):
        return self.random.randrange(len(self.service.processes))

    def server(self, sql, server=None):
        (server or self.scene.primary).query(sql, "postgres")


class Nothing(Fault):
    with_vendor = False

    def step(self):
        pass


class KillWeb(Fault):
    """One of two ctms-web is killed, and the supervisor starts it again."""

    pause = 2.5  # a busy machine needs time to start it

    def step(self):
        self.stopped.wait(0.5)
        self.service.processes[self.some_web()].end(signal.SIGKILL)
        self.counts["faults"] += 1


class KillSync(Fault):
    """ctms-sync is killed, and the supervisor starts it again."""

    def step(self):
        self.stopped.wait(0.5)
        self.scene.sync.process.end(signal.SIGKILL)
        self.counts["faults"] += 1


class Stop(Fault):
    """ctms-web, ctms-sync or the sessions of the database stand still for a while."""

    def step(self):
        self.stopped.wait(0.5)
        kind = self.random.randrange(3)
        if kind == 0:
            process = self.service.processes[self.some_web()]
        elif kind == 1:
            process = self.scene.sync.process
        self.counts["faults"] += 1
        if kind < 2:
            process.send(signal.SIGSTOP)
            self.stopped.wait(3 * self.random.random())
            process.send(signal.SIGCONT)
        else:
            self.scene.primary.freeze(True)
            self.stopped.wait(3 * self.random.random())
            self.scene.primary.freeze(False)


class Lag(Fault):
    """The standby replays late, or not at all for a while."""

    def delay(self, milliseconds):
        self.server(f"alter system set recovery_min_apply_delay = '{milliseconds} ms'", self.scene.standby)
        self.server("select pg_reload_conf()", self.scene.standby)

    def step(self):
        self.counts["faults"] += 1
        if self.random.random() < 0.3:
            self.server("select pg_wal_replay_pause()", self.scene.standby)
            self.stopped.wait(2 * self.random.random())
            self.server("select pg_wal_replay_resume()", self.scene.standby)
        else:
            self.delay(self.random.choice((0, 50, 150, 600)))

    def heal(self):
        self.delay(0)
        self.server("select pg_wal_replay_resume()", self.scene.standby)


class RestartDatabase(Fault):
    """The database is stopped and started."""

    pause = 2.5

    def end(self):
        self.scene.primary.stop()

    def step(self):
        self.stopped.wait(1)
        self.end()
        self.counts["faults"] += 1
        self.scene.primary.start()


class KillDatabase(RestartDatabase):
    """The database server is killed with all its sessions, or shut down immediately. It recovers when it starts."""

    def end(self):
        if self.random.random() < 0.3:
            self.scene.primary.crash()
        else:
            self.scene.primary.kill()


class KillSession(Fault):
    """A server process of a session is killed: PostgreSQL ends all others, and recovers."""

    pause = 3

    def step(self):
        self.stopped.wait(1)
        rows = self.scene.query("select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
        if rows:
            self.counts["faults"] += 1
            os.kill(self.random.choice(rows)[0], signal.SIGKILL)


class TerminateSessions(Fault):
    """Sessions are ended by an administrator."""

    pause = 0.2
    with_vendor = False

    def step(self):
        self.counts["faults"] += 1
        self.scene.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
                         f"and random() < {0.4 * self.random.random()}")


class Network(Fault):
    """A connection between the programs and the database, the vendor or the receiver of the webhook is cut, truncated, delayed or stalled."""

    pause = 0.5

    def step(self):
        proxy = self.random.choice(self.scene.proxies)
        proxy.set(self.random.choice(("cut", "truncate", "delay", "stall")))
        self.counts["faults"] += 1
        self.stopped.wait(self.random.choice((0.1, 0.5, 3)))
        proxy.set("pass")

    def heal(self):
        for proxy in self.scene.proxies:
            proxy.set("pass")


class ReadOnly(Fault):
    """The database accepts no writes for a while."""

    def set(self, value):
        self.server(f"alter database {self.scene.database} set default_transaction_read_only = {value}")
        if self.random.random() < 0.5:
            self.scene.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")

    def step(self):
        self.counts["faults"] += 1
        self.set("on")
        self.stopped.wait(2 * self.random.random())
        self.set("off")

    def heal(self):
        self.random.seed(1)  # ends all sessions, so that none stays read-only
        self.set("off")


class TooManySessions(Fault):
    """Other sessions take all connections of the database."""

    def step(self):
        taken = []
        try:
            self.counts["faults"] += 1
            with contextlib.suppress(psycopg2.Error):
                while len(taken) < 200:
                    if len(taken) % 20 == 10:
                        self.scene.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                                         "and application_name <> 'hog' and pid <> pg_backend_pid()")
                    taken.append(psycopg2.connect(host="127.0.0.1", port=self.scene.primary.port, dbname=self.scene.database, user="postgres",
                                                  application_name="hog", connect_timeout=2))
            self.stopped.wait(2 * self.random.random())
        finally:
            for link in taken:
                link.close()


class FileDescriptors(Fault):
    """ctms-web has no free file descriptors for a while."""

    def step(self):
        process = self.service.processes[self.some_web()].child
        before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{process.pid}/fd"))
        self.counts["faults"] += 1
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used + self.random.randrange(3), before[1]))
        try:
            self.scene.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
                             "and random() < 0.5")
            self.stopped.wait(1.5)
        finally:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)


class LogReader(Fault):
    """The reader of the log stands still for a while, or is gone."""

    @staticmethod
    def spawn_web(lab, name, command, env):
        process = PipedProcess(name, command, lab.path(name + ".log"), env, lab.directory)
        lab.processes.append(process)
        return process

    def step(self):
        self.stopped.wait(0.5)
        process = self.service.processes[self.some_web()]
        self.counts["faults"] += 1
        process.reads.clear()
        self.stopped.wait(3 * self.random.random())
        process.gone = self.random.random() < 0.3
        process.reads.set()
        if process.gone:
            self.stopped.wait(1)
            self.expect(process.running(), "ctms-web ended because nobody reads its log")
            process.end(signal.SIGKILL)


class Clocks(Fault):
    """The clocks of both ctms-web jump, independently of each other, by up to a day."""

    @staticmethod
    def spawn_web(lab, name, command, env):
        return lab.spawn(name, command, {**env, **FAKETIME, "FAKETIME_TIMESTAMP_FILE": lab.write(name + ".clock", "+0\n")}, as_server=False)

    def step(self):
        self.counts["faults"] += 1
        process = self.service.processes[self.some_web()]
        self.scene.lab.write(process.name + ".clock", f"{self.random.choice((0, 3, -3, 600, -600, 86400, -86400)):+d}\n")


class DatabaseClock(KillWeb):
    """The clock of the database jumps by up to two days, and a ctms-web that starts then forgets deletions that are a day old."""

    pause = 1.5
    environment = {"CTMS_TOMBSTONE_DAYS": "1"}
    FURTHEST = 2 * 86400
    cluster = ClusterWithClock
    times_lie = True

    def step(self):
        self.scene.may_begin_again = True
        self.counts["faults"] += 1
        self.scene.cluster.set_clock(self.random.choice((0, 2, -2, 3600, -3600, self.FURTHEST, -self.FURTHEST)))
        if self.random.random() < 0.4:
            super().step()

    def heal(self):
        """What was queued while the clock was ahead is sent when the clock gets there."""
        self.scene.cluster.set_clock(self.FURTHEST)


class DiskFull(Fault):
    """The disk of the database is full for a while, for its tables as for its log."""

    cluster = ClusterOnSmallDisk
    pause = 2

    def step(self):
        self.counts["faults"] += 1
        self.scene.cluster.fill()
        self.stopped.wait(3 * self.random.random())
        self.heal()

    def heal(self):
        self.scene.cluster.free()
        if not self.scene.primary.process.running():
            self.counts["restarts"] += 1
            self.scene.primary.start()


class Failover(Fault):
    """The primary is killed, and its synchronous standby takes over."""

    ends_cluster = True

    @staticmethod
    def database_url(scene, _port):
        return (f"postgresql://postgres@127.0.0.1:{scene.primary.port},127.0.0.1:{scene.standby.port}/{scene.database}"
                "?target_session_attrs=read-write")

    def run(self):
        scene = self.scene
        scene.may_begin_again = True
        self.server("alter system set synchronous_standby_names = '*'")
        self.server("select pg_reload_conf()")
        self.stopped.wait(2 + 2 * self.random.random())
        scene.primary.crash()
        self.counts["faults"] += 1
        scene.standby.promote()
        scene.cluster.primary = scene.standby
        self.stopped.wait()


class Several(Fault):
    """Several faults at the same time."""

    def __init__(self, scene, name):
        super().__init__(scene, name)
        self.parts = [kind(scene, f"{name}: {kind.__name__}") for kind in (KillWeb, KillSync, TerminateSessions, Network, Lag)]

    def run(self):
        for part in self.parts:
            part.start()
        self.stopped.wait()
        for part in self.parts:
            part.stopped.set()
        for part in self.parts:
            part.join(30)
            self.counts.update(part.counts)
            self.problems += part.problems

    def heal(self):
        for part in self.parts:
            part.heal()


class Sabotage(Fault):
    """Changes, adds and deletes contacts of clients behind the back of CTMS, which the checker must notice. For the test of the checker."""

    def sabotage(self):
        mine = sorted(contact.email_id for client in self.scene.clients for contact in client.contacts)
        names = ", ".join(f"'{email_id}'" for email_id in mine)
        self.scene.query(f"""
            set session_replication_role = replica;
            update emails set first_name = 'never changed like this' where email_id = (select min(email_id::text)::uuid from emails where email_id in ({names}));
            delete from emails where email_id = (select max(email_id::text)::uuid from emails where email_id in ({names}));
            insert into emails (email_id, primary_email, update_timestamp) values (gen_random_uuid(), 'nobody heard of this', now() - interval '1 hour')""")
        return True

    def step(self):
        pass


KINDS = {"nothing": Nothing, "kill-web": KillWeb, "kill-sync": KillSync, "kill-database": KillDatabase, "kill-session": KillSession,
         "stop": Stop, "terminate": TerminateSessions, "restart-database": RestartDatabase, "network": Network, "lag": Lag, "clocks": Clocks,
         "descriptors": FileDescriptors, "log-reader": LogReader, "read-only": ReadOnly, "connections": TooManySessions,
         "disk-full": DiskFull, "database-clock": DatabaseClock,
         "several": Several, "failover": Failover}
