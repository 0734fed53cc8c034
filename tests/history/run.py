#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Checks histories: readers of every kind follow the contacts while writers of every kind change them and something fails; in the end,
every reader must know what is stored.

    tests/history/run.py [--rounds N] [--seconds S] [--seed N] [--bin build/release/bin] [FAULT...]

Each round takes a seed, from which all its actions follow; --seed with that number and --rounds 1 repeats it, except for the order in
which the threads get to work. Prints a table of the rounds, and exits with 1 if one failed. Uses Debian's python3 for its psycopg2.
"""
import argparse
import collections
import os
import random
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]

import faults  # noqa: E402
import readers  # noqa: E402
import writers  # noqa: E402
from lab import Failed, Lab, check  # noqa: E402
from scene import Cluster, Scene  # noqa: E402
from state import State, await_rest  # noqa: E402


class Outcome:
    def __init__(self, seed, fault):
        self.seed, self.fault, self.problems, self.missed = seed, fault, [], 0
        self.writes, self.reads = collections.Counter(), {}

    def print(self):
        verdict = "ok" if not self.problems else "FAILED"
        written = ", ".join(f"{count} {what}" for what, count in sorted(self.writes.items()))
        read = "; ".join(f"{name}: {counts['items']} in {counts['polls']} polls" for name, counts in self.reads.items())
        print(f"{verdict}: {self.fault}, seed {self.seed}: missed {self.missed}; {written}; {read}", flush=True)
        for problem in self.problems[:10]:
            print("    " + problem.replace("\n", "\n    ")[:3000], flush=True)


def stop(actors, seconds=90):
    for actor in actors:
        actor.stopped.set()
    deadline = time.monotonic() + seconds
    for actor in actors:
        actor.join(max(0, deadline - time.monotonic()))
        check(not actor.is_alive(), f"{actor.name} did not end")


def catch_up(reader, state):
    """Polls until the reader must know everything."""
    deadline = time.monotonic() + 60
    while True:
        try:
            reader.poll()
            if not reader.is_behind(state):
                return
        except readers.OUTAGES:
            pass
        if time.monotonic() > deadline:
            raise Failed(f"{reader.name} did not catch up")
        time.sleep(0.1)


def compare(reader, state, outcome):
    missed = reader.missed(state)
    outcome.missed += len(missed)
    for email_id in missed[:3]:
        outcome.problems.append(f"{reader.name} missed {email_id}: has {reader.copies.get(email_id)}, stored {state.contacts.get(email_id)}, "
                                f"in the feed {email_id in state.changes}")


def make_actors(scene):
    following = [kind(scene, name) for name, kind in readers.KINDS.items()]
    writing = [kind(scene, f"{name} {number}") for name, (kind, count) in writers.KINDS.items() for number in range(count)]
    return following, writing


def play(scene, options, outcome):
    following, writing = make_actors(scene)
    fault = faults.KINDS[outcome.fault](scene, outcome.fault)
    everybody = [*following, *writing, fault]
    for actor in everybody:
        actor.start()
    time.sleep(options.seconds)
    stop([fault])
    fault.heal()
    stop(writing)
    stop(following)
    await_rest(scene)
    state = State(scene)
    for reader in following:
        catch_up(reader, state)
        compare(reader, state, outcome)
        outcome.reads[reader.name] = reader.counts
    for actor in everybody:
        outcome.problems += actor.problems
    for actor in [*writing, fault]:
        outcome.writes.update(actor.counts)


def run_round(cluster, options, seed, fault):
    outcome = Outcome(seed, fault)
    try:
        with Scene(cluster, seed) as scene:
            play(scene, options, outcome)
    except Exception:  # the other rounds continue
        outcome.problems.append(traceback.format_exc())
    outcome.print()
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[*faults.KINDS, []], default=[], help=", ".join(faults.KINDS))
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each fault (default 1)")
    parser.add_argument("--seconds", type=float, default=10, help="time for which each round writes (default 10)")
    parser.add_argument("--seed", type=int, help="seed of the first round; the next rounds count up (default: chosen)")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/release/bin"))
    parser.add_argument("--keep", action="store_true", help="keep the directory if the program itself fails")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    outcomes = []
    with Lab(options.bin, options.keep) as lab:
        cluster = Cluster(lab)
        for fault in options.faults or faults.KINDS:
            for number in range(options.rounds):
                outcomes.append(run_round(cluster, options, seed + number, fault))
        cluster.stop()
    failed = [outcome for outcome in outcomes if outcome.problems]
    print(f"{len(outcomes)} rounds, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
