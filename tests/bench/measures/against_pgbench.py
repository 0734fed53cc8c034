# SPDX-License-Identifier: MPL-2.0
"""Compares requests with pgbench, which runs the library's statements for them on the same database over the same socket."""
import statistics
from collections import defaultdict

from support.report import Row

from .context import say

BEST = 8  # connections with which pgbench is at its best on two cores


def run_round(bench, what, script, connections, number, samples):
    """Measures pgbench and ctms-web in turn, for each number of connections."""
    def note(who, count, load):
        samples[who, count].append(load)
        return f"{who} {load.rate:,.0f}"

    for count in connections:
        if what == "patch":
            bench.settle()
        said = [note("pgbench", count, bench.generator.pgbench(script, count, bench.opts.seconds))]
        said += [note(side.who, count, bench.wrk(side, what, count)) for side in bench.sides_of(number)]
        say(f"  round {number + 1}, {plural(count)}: {', '.join(said)} a second")
    if BEST not in connections:
        note("pgbench", BEST, bench.generator.pgbench(script, BEST, bench.opts.seconds))


def plural(count):
    return f"{count} connection{'s' if count > 1 else ''}"


def rates(loads):
    return [load.rate for load in loads]


def compare(bench, what, title, wanted):
    """Yields rows for each number of connections in `wanted`, which maps it to the wanted ratio (None: no requirement)."""
    script = bench.generator.script(what)
    bench.warm_up(what)
    samples = defaultdict(list)
    for number in bench.rounds():
        run_round(bench, what, script, list(wanted), number, samples)
    for count, ratio in wanted.items():
        ours, against = samples["ours", count], samples["against", count]
        yield Row(f"{what}/{count}", f"{title}, {plural(count)}", "/s", rates(ours), rates(samples["pgbench", count]),
                  rates(against), wanted=ratio)
        if count > BEST:
            yield Row(f"{what}/{count}/best", f"{title}, {count}, pgbench with its best {BEST}", "/s", rates(ours),
                      rates(samples["pgbench", BEST]), rates(against))
        say(f"  {plural(count)}: p50 {statistics.median(load.p50 for load in ours):.2f} ms, "
            f"p99 {statistics.median(load.p99 for load in ours):.2f} ms")
        if count == 1:
            yield Row(f"{what}/1/p50", f"{title}, 1 connection, p50", "ms", [load.p50 for load in ours], (), [load.p50 for load in against],
                      wanted=0.5 if what == "read" else None, at_least=False)
        else:
            yield Row(f"{what}/{count}/p99", f"{title}, {count} connections, p99", "ms", [load.p99 for load in ours], (),
                      [load.p99 for load in against])


def read(bench):
    yield from compare(bench, "read", "read by id", {1: None, 16: 0.7, 64: 1.2})


def email(bench):
    yield from compare(bench, "email", "read by address", {16: 0.7, 64: 1.2})


def patch(bench):
    yield from compare(bench, "patch", "PATCH of a newsletter", {1: None, 16: 1.0, 64: 1.2})
    bench.settle()
