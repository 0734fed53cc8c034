#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Checks histories: many programs write contacts while something fails, and in the end nobody may have missed or lost anything.

    tests/history/run.py [--part feed|system] [--rounds N] [--seconds S] [--seed N] [--rotate N] [--bin build/release/bin] [FAULT...]
    tests/history/run.py --self-test

Part feed: readers of every kind follow the contacts while writers of every kind change them, and must know what is stored in the end.
Part system: in addition, clients check each answer against a model of their contacts, and ctms-sync sends them to a simulated vendor.

Each round takes a seed, from which all its actions follow; --seed with that number and --rounds 1 repeats it, except for the order in
which the threads get to work. Prints a line for each round, and exits with 1 if one failed. Uses Debian's python3 for its psycopg2.
"""
import argparse
import collections
import dataclasses
import os
import random
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]

try:
    import psycopg2  # noqa: F401
except ImportError:
    print("Skipped: python3-psycopg2 is not installed")
    sys.exit(77)  # CTest's SKIP_RETURN_CODE; in CI a skipped test fails

import clients  # noqa: E402
import faults  # noqa: E402
import readers  # noqa: E402
import writers  # noqa: E402
from actor import stop  # noqa: E402
from lab import Failed, Lab, check  # noqa: E402
from scene import Cluster, Scene, Supervisor  # noqa: E402
from state import State, await_rest, await_sent  # noqa: E402


@dataclasses.dataclass
class Part:
    """Who takes part, as in the KINDS of writers.py and clients.py, and what fails."""
    writers: dict
    clients: dict
    faults: list


def fewer(counts):
    return {name: (writers.KINDS[name][0], count) for name, count in counts.items()}


PARTS = {"feed": Part(writers.KINDS, {}, ["nothing", "kill-web", "kill-sync", "lag", "restart-database"]),
         "system": Part(fewer({"api": 6, "stripe": 1, "import": 1, "suppress": 1, "delete-bulk": 1, "sql": 1, "python": 2}), clients.KINDS,
                        list(faults.KINDS))}
ALL = {**faults.KINDS, "sabotage": faults.Sabotage}


class Outcome:
    def __init__(self, seed, fault):
        self.seed, self.fault, self.problems, self.missed = seed, fault, [], 0
        self.counts, self.reads = collections.Counter(), {}

    def print(self):
        verdict = "ok" if not self.problems else "FAILED"
        written = ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))
        read = "; ".join(f"{name}: {counts['items']} in {counts['polls']} polls"
                         + (f", begun again {counts['begun again']} times" if counts["begun again"] else "") for name, counts in self.reads.items())
        print(f"{verdict}: {self.fault}, seed {self.seed}: missed {self.missed}; {written}; {read}", flush=True)
        for problem in self.problems[:10]:
            print("    " + problem.replace("\n", "\n    ")[:3000], flush=True)


def make_actors(scene, kinds):
    return [kind(scene, f"{name} {number}") for name, (kind, count) in kinds.items() for number in range(count)]


def compare_vendor(scene, state, outcome):
    """The vendor must have the contacts of the clients as they are stored. Other writers leave the vendor out on purpose."""
    there = scene.vendor.contacts()
    mine = {contact.email_id for client in scene.clients for contact in client.contacts}
    for email_id in mine:
        stored, sent = state.contacts.get(email_id), there.get(email_id)
        if (stored and stored["first_name"]) != (sent and sent.get("first_name")):
            outcome.problems.append(f"the vendor has {sent} of {email_id}, stored is {stored}")
    outcome.counts["contacts at the vendor"] = len(there)


def play(scene, options, outcome):
    """Plays a round. Whatever happens, nobody starts anything afterwards, and the problems of all are known."""
    everybody = []
    try:
        play_with(everybody, scene, options, outcome)
    finally:
        try:
            stop(everybody)
        finally:
            for actor in everybody:
                actor.close()
                outcome.problems += actor.problems


def play_with(everybody, scene, options, outcome):
    part = PARTS[options.part]
    following = [kind(scene, name) for name, kind in readers.KINDS.items()]
    checking = make_actors(scene, part.clients)
    scene.clients = [one for one in checking if isinstance(one, clients.Client)]
    writing = make_actors(scene, part.writers)
    fault = ALL[outcome.fault](scene, outcome.fault)
    supervisor = Supervisor(scene, "supervisor")
    everybody += [*following, *checking, *writing, supervisor, fault]
    for actor in everybody:
        actor.start()
    time.sleep(options.seconds)
    stop([fault])
    fault.heal()
    stop([*writing, *checking])
    stop(following)
    await_rest(scene)
    state = State(scene)
    outcome.reads = {reader.name: reader.counts for reader in following}
    comparable = [reader for reader in following if not (fault.times_lie and isinstance(reader, readers.UpdatesReader))]
    for reader in comparable:
        reader.catch_up(state)
    if scene.vendor:
        await_sent(scene)
    if fault.sabotage():
        state = State(scene)
    for reader in comparable:
        outcome.missed += reader.compare(state)
    for client in checking:
        client.verify(state)
    if scene.vendor:
        compare_vendor(scene, state, outcome)
    stop([supervisor])
    for actor in [*checking, *writing, fault]:
        outcome.counts.update(actor.counts)


def run_round(cluster, options, seed, fault):
    outcome = Outcome(seed, fault)
    try:
        with Scene(cluster, seed, ALL[fault], options.part == "system") as scene:
            play(scene, options, outcome)
    except Exception:  # the other rounds continue
        outcome.problems.append(traceback.format_exc())
    outcome.print()
    return outcome


def run_rounds(lab, fault, options, seed):
    """Runs all rounds of a fault. Faults that need a cluster of their own, or end it, get one."""
    kind, cluster = ALL[fault], None
    try:
        for number in range(options.rounds):
            if cluster is None:
                cluster = (kind.cluster or Cluster)(lab)
            outcome = run_round(cluster, options, seed + number, fault)
            yield outcome
            if kind.ends_cluster or outcome.problems:
                cluster.stop()
                cluster = None
    finally:
        if cluster is not None:
            cluster.stop()


def todays(names, count):
    """Some of the faults, others every day."""
    day = int(time.time() // 86400)
    return [names[(day * count + number) % len(names)] for number in range(min(count, len(names)))]


def possible(names):
    """Leaves out what this machine does not allow, which in CI is a failure."""
    out = []
    for name in names:
        why_not = (ALL[name].cluster or Cluster).why_not()
        if why_not and os.environ.get("CI") == "true":
            raise Failed(f"{name} must not be left out in CI: {why_not}")
        print(f"Left out: {name}: {why_not}") if why_not else out.append(name)
    return out


def self_test(lab, options):
    """A round in which changes happen behind the back of CTMS: each kind of check must notice."""
    options.part, options.rounds = "system", 1
    outcome = next(run_rounds(lab, "sabotage", options, 1))
    for wanted in (*readers.KINDS, "stored of", "the vendor has"):
        check(any(wanted in problem for problem in outcome.problems), f"the checker did not notice: {wanted}")
    print("The checker noticed everything")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[*faults.KINDS, []], default=[], help=", ".join(faults.KINDS))
    parser.add_argument("--part", choices=PARTS, default="feed", help="what takes part (default feed)")
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each fault (default 1)")
    parser.add_argument("--seconds", type=float, default=8, help="time for which each round writes (default 8)")
    parser.add_argument("--seed", type=int, help="seed of the first round; the next rounds count up (default: chosen)")
    parser.add_argument("--rotate", type=int, help="only this many faults, others every day")
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/release/bin"))
    parser.add_argument("--keep", action="store_true", help="keep the directory if the program itself fails")
    parser.add_argument("--self-test", action="store_true", help="check that the checker notices lost and foreign changes")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the servers, too
    with Lab(options.bin, options.keep) as lab:
        if options.self_test:
            return self_test(lab, options)
        names = options.faults or PARTS[options.part].faults
        names = possible(todays(names, options.rotate) if options.rotate else names)
        seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
        outcomes = [outcome for fault in names for outcome in run_rounds(lab, fault, options, seed)]
    failed = [outcome for outcome in outcomes if outcome.problems]
    print(f"{len(outcomes)} rounds, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
