# SPDX-License-Identifier: MPL-2.0
"""What goes wrong in a round. Each fault is a thread that makes it happen again and again; heal() ends it and leaves every server as it
was. KINDS lists them.
"""
import signal

from actor import Actor


class Fault(Actor):
    pause = 1.5

    def heal(self):
        """Called once, after the thread has ended."""


class Nothing(Fault):
    def step(self):
        pass


class KillWeb(Fault):
    """One of two ctms-web is killed and started again."""

    def step(self):
        self.stopped.wait(0.5)
        number = self.random.randrange(len(self.scene.service.processes))
        self.scene.service.processes[number].end(signal.SIGKILL)
        self.counts["kills"] += 1
        self.scene.service.replace(number)


class Lag(Fault):
    """The standby replays late, or not at all for a while."""

    def standby(self, sql):
        self.scene.standby.query(sql, "postgres")

    def delay(self, milliseconds):
        self.standby(f"alter system set recovery_min_apply_delay = '{milliseconds} ms'")
        self.standby("select pg_reload_conf()")

    def step(self):
        self.counts["changes"] += 1
        if self.random.random() < 0.3:
            self.standby("select pg_wal_replay_pause()")
            self.stopped.wait(2 * self.random.random())
            self.standby("select pg_wal_replay_resume()")
        else:
            self.delay(self.random.choice((0, 50, 150, 600)))

    def heal(self):
        self.delay(0)
        self.standby("select pg_wal_replay_resume()")


class RestartDatabase(Fault):
    """The database is stopped, or killed and recovered."""

    pause = 2.5

    def step(self):
        self.stopped.wait(1)
        self.scene.primary.stop() if self.random.random() < 0.5 else self.scene.primary.crash()
        self.counts["restarts"] += 1
        self.scene.primary.start()


KINDS = {"nothing": Nothing, "kill web": KillWeb, "lag": Lag, "restart database": RestartDatabase}
