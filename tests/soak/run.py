#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Runs the whole system for minutes or hours under a steady load, and checks that nothing grows.

    tests/soak/run.py [--hours H | --minutes N] [--writes 50] [--reads 200] [--contacts 10000] [--json FILE] [--bin build/release/bin]

ctms-web with an embedded PostgreSQL, ctms-sync with a simulated vendor, followers of /updates and /changes, an event stream, the receiver of
a webhook, writers, readers, and an operator with ctms-admin. Prints a line for each sample: memory and descriptors of each program,
connections, lengths of queues, disk, errors. In the end, the followers and the vendor must have what is stored, and the last third of the
samples is compared with the first third, after a warm-up. Ctrl-C ends the run early, with the same checks.

Exits with 1 if something grew, failed or is missing. Growth is not judged in runs of less than fifteen minutes. Uses Debian's python3 for its
psycopg2.
"""
import argparse
import collections
import json
import os
import random
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, *(os.path.join(HERE, "..", name) for name in ("history", "support", "bench"))]

try:
    import psycopg2  # noqa: F401
except ImportError:
    print("Skipped: python3-psycopg2 is not installed")
    sys.exit(77)  # CTest's SKIP_RETURN_CODE; in CI a skipped test fails

import judge  # noqa: E402
import load  # noqa: E402
import watch  # noqa: E402
from actor import stop  # noqa: E402
from lab import Failed, Lab  # noqa: E402
from state import State, await_rest  # noqa: E402
from system import System  # noqa: E402

HEADER_EVERY = 30  # lines


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--hours", type=float, default=1, help="how long the load lasts (default 1)")
    parser.add_argument("--minutes", type=float, help="the same in minutes")
    parser.add_argument("--every", type=float, help="seconds between samples (default: a minute, or less in a short run)")
    parser.add_argument("--writes", type=float, default=50, help="contacts written per second (default 50)")
    parser.add_argument("--reads", type=float, default=200, help="reads per second (default 200)")
    parser.add_argument("--commands", type=float, default=4, help="commands of ctms-admin per minute (default 4)")
    parser.add_argument("--contacts", type=int, default=10_000, help="ids of contacts, which are used again and again (default 10,000)")
    parser.add_argument("--json", help="also write each sample to this file, one JSON object per line, and the result as the last one")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/release/bin"))
    parser.add_argument("--keep", action="store_true", help="keep the directory if the program itself fails")
    options = parser.parse_args()
    options.minutes = options.minutes or 60 * options.hours
    options.every = options.every or min(60, max(2, 2 * options.minutes))
    return options


class Output:
    """Lines on standard output, and objects in a file."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8", buffering=1) if path else None
        self.lines = 0

    def sample(self, one):
        if self.lines % HEADER_EVERY == 0:
            print(watch.header())
        self.lines += 1
        print(watch.text(one), flush=True)
        self.record(one)

    def record(self, one):
        if self.file:
            self.file.write(json.dumps(one) + "\n")


def soak(system, watching, options, output, interrupted):
    """Samples until the time is over. Returns the samples."""
    samples = []
    while watching.minutes() < options.minutes and not interrupted.wait(min(options.every, 60 * (options.minutes - watching.minutes()))):
        system.check_programs()
        samples.append(watching.sample())
        output.sample(samples[-1])
    return samples


def finish(system, following, working):
    """Ends the load, and checks that followers and the vendor have what is stored. Returns problems."""
    stop(working)
    stop(following)
    await_rest(system)
    state, problems = State(system), []
    for reader in following:
        reader.catch_up(state)
        reader.compare(state)
    system.admin("db", "verify")
    problems += system.compare_vendor(state)[:10]
    return problems


def work_of(actors):
    """What each kind of actor did. Each must have done something."""
    done = collections.defaultdict(collections.Counter)
    for actor in actors:
        done[actor.name.rstrip("0123456789 ")].update(actor.counts)
    return done


def run(lab, options, output, interrupted):
    """Returns problems."""
    print("Starting the system ...", flush=True)
    system = System(lab, options.contacts, random.SystemRandom().randrange(1_000_000))
    following, working = load.make(system, options.writes, options.reads, options.commands)
    actors = [*following, *working]
    try:
        for actor in actors:
            actor.start()
        watching = watch.Watch(system, actors)
        samples = soak(system, watching, options, output, interrupted)
        minutes = watching.minutes()
        problems = finish(system, following, working)
    finally:
        stop(actors)
        for actor in actors:
            actor.close()
    system.end()
    problems += [problem for actor in actors for problem in actor.problems]
    done = work_of(actors)
    problems += [f"{name} did nothing" for name, counts in done.items() if not sum(counts[what] for what in ("writes", "reads", "commands", "items"))]
    print(f"\nIt ran for {minutes:.1f} minutes")
    for name, counts in done.items():
        print(f"  {name}: " + ", ".join(f"{count:,} {what}" for what, count in sorted(counts.items())))
    print("".join(f"{actor.name}, the last outage: {actor.last_outage}\n" for actor in actors if actor.last_outage), end="")
    for process in (system.web, system.sync.process):
        print("".join(f"an error of {process.name}: {line}" for line in process.last_errors), end="")
    return problems + growth(samples, minutes, output)


def growth(samples, minutes, output):
    """Prints the comparison. Returns what grew."""
    counting = [one for one in samples if one["minutes"] > judge.warm_up_of(minutes)]
    if minutes < judge.SHORTEST or len(counting) < 3:
        print(f"Growth is not judged in runs of less than {judge.SHORTEST} minutes, or with less than three samples")
        return []
    medians = judge.thirds(counting)
    found = judge.compare(medians)
    output.record({"result": [vars(one) for one in found]})
    for one in found:
        if not one.name.startswith(judge.ROWS) or one.too_much:
            print(f"{'GREW' if one.too_much else 'flat'}  {one}")
    print("on the disk, most grew: " + ", ".join(f"{name} by {kib:,.0f} KiB" for name, kib in judge.largest_growth(medians, 5)))
    return [f"grew: {one.name}" for one in found if one.too_much]


def main():
    options = arguments()
    interrupted = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the programs, too
    try:
        with Lab(options.bin, options.keep) as lab:
            problems = run(lab, options, Output(options.json), interrupted)
    except Failed as failure:
        problems = [str(failure)]
    for problem in problems[:20]:
        print("    " + problem.replace("\n", "\n    ")[:3000])
    print("FAILED" if problems else "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
