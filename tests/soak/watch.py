# SPDX-License-Identifier: MPL-2.0
"""What is sampled of a system, and how a sample is shown."""
import os
import time

from support.processes import children, memory_mib

import judge

# `behind`: changes that were not delivered to the webhook yet.
COUNTS = """
select (select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()) as connections,
  (select count(*) from ctms_changes c cross join ctms_webhooks w where (c.xid, c.email_id) > (w.xid, w.email_id)) as behind,
  pg_database_size(current_database()) / 1024.0 as kib"""

TABLES = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname"

# The columns of a line: title, width, and the value of a sample.
COLUMNS = [("minutes", 7, lambda one: f"{one['minutes']:.1f}"),
           *((f"{program}: MiB, fd", max(13, len(program) + 9), lambda one, program=program: f"{one[program + ' MiB']:.1f} {one[program + ' descriptors']:4}")
             for program in ("web", "sync", "vendor", "postgres")),
           *((title, len(title), lambda one, name=name: f"{one[name]:,.0f}")
             for title, name in (("connections", "connections"), ("contacts", "rows of emails"), ("queue", "queue"), ("inbox", "inbox"),
                                 ("feed", "rows of ctms_changes"), ("behind", "behind"))),
           ("disk MiB", 8, lambda one: f"{one['disk MiB']:.1f}"), ("KiB/contact", 11, lambda one: f"{one['KiB per contact']:.2f}"),
           *((title, len(title), lambda one, name=name: f"{one[name]:,.0f}")
             for title, name in (("writes/s", "writes per second"), ("reads/s", "reads per second"), ("commands", "commands"), ("errors", "errors")))]


def header():
    return "  ".join(title.rjust(width) for title, width, _ in COLUMNS)


def text(sample):
    return "  ".join(value(sample).rjust(width) for _, width, value in COLUMNS)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def family(pid, value):
    """The sum for a process and its children; one may end meanwhile."""
    total = 0
    for one in (pid, *children(pid)):
        try:
            total += value(one)
        except (OSError, TypeError):  # its files are gone, or empty
            pass
    return total


class Watch:
    def __init__(self, system, actors):
        self.system, self.actors = system, actors
        self.tables = [name for name, in system.query(TABLES)]
        self.began = self.last = time.monotonic()
        self.before = self.totals()

    def minutes(self):
        return (time.monotonic() - self.began) / 60

    def totals(self):
        """What was done and went wrong since the begin: requests that had no answer or 503, errors in the logs, and problems."""
        out = {name: sum(actor.counts[name] for actor in self.actors) for name in ("writes", "reads", "commands", "items")}
        out["errors"] = sum(actor.counts["outages"] + len(actor.problems) for actor in self.actors)
        out["errors"] += self.system.web.errors + self.system.sync.process.errors
        return out

    def sample(self):
        """Everything by name. Rates and errors are those since the last sample."""
        out = {"minutes": self.minutes()}
        for name, process in self.system.programs().items():
            out[f"{name} MiB"], out[f"{name} descriptors"] = memory_mib(process.child.pid), descriptors(process.child.pid)
        postmaster = self.system.postmaster()
        # Shared memory would count for each process, and fills up by design.
        out["postgres MiB"], out["postgres descriptors"] = family(postmaster, lambda pid: memory_mib(pid, "RssAnon")), family(postmaster, descriptors)
        out["connections"], out["behind"], kib = self.system.query(COUNTS)[0]
        tables = self.system.query(" union all ".join(f"select '{name}', count(*), pg_total_relation_size('{name}') / 1024 from {name}" for name in self.tables))
        for name, count, size in tables:
            out[judge.ROWS + name], out[judge.SIZE + name] = count, size
        out["queue"], out["inbox"] = out[judge.ROWS + "ctms_sync_queue"], out[judge.ROWS + "ctms_inbox"]
        out["disk MiB"], out["KiB per contact"] = float(kib) / 1024, float(kib) / max(1, out[judge.ROWS + "emails"])
        now, totals = time.monotonic(), self.totals()
        for what in ("writes", "reads"):
            out[f"{what} per second"] = (totals[what] - self.before[what]) / (now - self.last)
        out["commands"], out["errors"] = totals["commands"], totals["errors"] - self.before["errors"]
        self.last, self.before = now, totals
        return out
