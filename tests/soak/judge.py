# SPDX-License-Identifier: MPL-2.0
"""Whether what was sampled stays flat: compares the last third of the samples with the first third, after a warm-up."""
import dataclasses
import statistics

SHORTEST = 15  # minutes; a shorter run says nothing about growth


@dataclasses.dataclass(frozen=True)
class Limit:
    """The median of the last third may be this many times the median of the first third, and in addition this much more."""
    times: float
    more: float


PROGRAM = {"MiB": Limit(1.05, 2), "descriptors": Limit(1, 5)}

# By the name of what is sampled, as in watch.py. What has no limit is only shown.
LIMITS = {**{f"{program} {what}": limit for program in ("web", "sync", "vendor") for what, limit in PROGRAM.items()},
          "postgres MiB": Limit(1.1, 10), "postgres descriptors": Limit(1.1, 50), "connections": Limit(1, 3),
          "queue": Limit(1, 500), "inbox": Limit(1, 500), "behind": Limit(1, 500), "KiB per contact": Limit(1.15, 0.5),
          "errors": Limit(1, 1)}

ROWS, SIZE = "rows of ", "KiB of "  # with the name of a table
ROWS_LIMIT = Limit(1.05, 100)
FLOWING = {"ctms_sync_queue", "ctms_inbox"}  # "queue" and "inbox" above
KEPT = {"ctms_audit_log"}  # a row for each command, on purpose


@dataclasses.dataclass(frozen=True)
class Growth:
    name: str
    first: float
    last: float
    allowed: float

    @property
    def too_much(self):
        return self.last > self.allowed

    def __str__(self):
        return f"{self.name}: {self.first:,.1f} in the first third, {self.last:,.1f} in the last, at most {self.allowed:,.1f} allowed"


def limit_of(name):
    """The limit, or None."""
    if not name.startswith(ROWS):
        return LIMITS.get(name)
    return None if name.removeprefix(ROWS) in FLOWING | KEPT else ROWS_LIMIT


def thirds(samples):
    """By name, the medians of the first and of the last third. `samples`: dictionaries with the same names, at least three."""
    third = len(samples) // 3
    return {name: [statistics.median(one[name] for one in part) for part in (samples[:third], samples[-third:])] for name in samples[0]}


def compare(medians):
    """Returns the Growth of each name that has a limit. `medians`: as from thirds()."""
    limits = {name: limit_of(name) for name in medians}
    return [Growth(name, first, last, first * limits[name].times + limits[name].more) for name, (first, last) in medians.items() if limits[name]]


def largest_growth(medians, count):
    """Returns the tables that grew most on the disk, as pairs of name and KiB."""
    grown = [(name.removeprefix(SIZE), last - first) for name, (first, last) in medians.items() if name.startswith(SIZE) and last > first]
    return sorted(grown, key=lambda one: -one[1])[:count]


def warm_up_of(minutes):
    """The minutes at the begin of a run that do not count. In the first ones, ctms-web fills the memory that it has for slow event streams."""
    return max(6, min(60, minutes / 4))
