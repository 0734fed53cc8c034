# SPDX-License-Identifier: MPL-2.0
"""Reads of one client, alone and beside other work, in turn."""
import contextlib
from collections import defaultdict

from support import other_work, steady
from support.load import twice
from support.report import Row
from support.scene import OTHER_CLIENT

from .context import say

ALONE = "alone"
CONNECTIONS = 64
BULK_CONNECTIONS = 4  # the last of 64 lists would wait for longer than a request may

# By name: what the reads are beside, how it is done, and what its rate counts.
OTHERS = {"token": ("8 clients of /token", other_work.tokens, "tokens"),
          "lines": ("a stream of /updates", other_work.stream, "contacts in the stream"),
          "import": ("an import", other_work.importing(), "contacts imported"),
          "paced": ("an import with --rate 2000", other_work.importing("--rate", "2000"), "contacts imported"),
          "resync": ("a resync", other_work.resync, "contacts sent to the vendor")}
FLOODS = {what: (f"a flood of {title}", other_work.flood(what, BULK_CONNECTIONS if what == "bulk" else CONNECTIONS), "answers to the flood")
          for what, title in (("updates", "pages of /updates"), ("patch", "PATCH"), ("bulk", "bulk writes"), ("read", "reads by id"))}


@contextlib.contextmanager
def nothing(_side, _seconds):
    yield other_work.Outcome()


def measure(bench, side, begin, read):
    """Reads while the other work goes on. Returns what `read(side)` returns, and the outcome of the work."""
    with begin(side, bench.opts.seconds) as outcome:
        found = read(side)
    side.server.await_rest()
    return found, outcome


def compare(bench, name, title, others, read):
    """Yields rows for the p99 of what `read(side)` returns, beside each of the others compared with alone."""
    kinds = {ALONE: ("alone", nothing, ""), **others}
    reads, rates = defaultdict(list), defaultdict(list)
    bench.warm_up("read")
    for number in bench.rounds():
        for what, (_, begin, _) in kinds.items():
            for side in bench.sides_of(number):
                found, outcome = twice(lambda side=side, begin=begin: measure(bench, side, begin, read))
                reads[side.who, what].append(found)
                rates[side.who, what].append(outcome.rate)
                say(f"  round {number + 1}, {what}, {side.who}: p50 {found.p50:.2f} ms, p99 {found.p99:.2f} ms; the other work: "
                    f"{outcome.rate:,.0f} a second {outcome.note}")

    def p99s(who, what):
        return [found.p99 for found in reads[who, what]]
    yield Row(f"{name}/{ALONE}", f"p99 of {title}, alone", "ms", p99s("ours", ALONE), (), p99s("against", ALONE))
    for what, (beside_what, _, counted) in others.items():
        yield Row(f"{name}/{what}", f"p99 of {title}, beside {beside_what}, and alone", "ms", p99s("ours", what), p99s("ours", ALONE),
                  p99s("against", what), wanted=2, at_least=False)
        yield Row(f"{name}/{what}/rate", f"meanwhile: {counted}", "/s", rates["ours", what], (), rates["against", what])


def beside(bench):
    """As many reads by id as 16 connections get."""
    yield from compare(bench, "beside", "reads by id, 16 connections", OTHERS,
                       lambda side: side.generator.wrk_once(side.server, "read", 16, bench.opts.seconds))


def flood(bench):
    """Reads of another client than the one that floods, at a rate that is far below what the server can do."""
    failed = []
    tokens = {side.who: side.database.token(OTHER_CLIENT) for side in bench.sides}

    def read(side):
        found = steady.read(side.server.port, tokens[side.who], bench.contacts, bench.opts.seconds)
        if side is bench.ours:
            failed.append(found.failed)
        return found
    yield from compare(bench, "flood", f"{steady.RATE} reads by id per second", FLOODS, read)
    yield Row("flood/failed", "reads of these that were refused or got no answer", "", [sum(failed)], wanted=1, at_least=False)
