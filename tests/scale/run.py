#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Tries CTMS with several servers, all on the loopback interface. packaging/scale_out.sh installs the requirements.

    tests/scale/run.py [--bin build/release/bin] [TRIAL...]

Trials: replicas, pooler, failover, patroni; without names, all of them. Each has its own temporary directory and servers,
which it ends. Prints a table of the trials and their results. Exits with 1 when a trial failed. The directory of a failed
trial is kept if CTMS_SCALE_KEEP is set. Uses Debian's python3 for its psycopg2.
"""
import argparse
import os
import sys
import textwrap
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]

import failover  # noqa: E402
import patroni_failover  # noqa: E402
import pooler  # noqa: E402
import replicas  # noqa: E402
from lab import Lab  # noqa: E402

TRIALS = {"replicas": replicas.run, "pooler": pooler.run, "failover": failover.run, "patroni": patroni_failover.run}


def print_table(rows):
    print("\nTrials and their results:\n")
    for area, tried, outcome in rows:
        print(f"{area + ': ' + tried}")
        print(textwrap.indent(textwrap.fill(outcome, 110), "    "))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", choices=[*TRIALS, []], default=[])
    parser.add_argument("--bin", default=os.path.join(HERE, "../../build/release/bin"))
    options = parser.parse_args()
    rows, failed = [], False
    for name in options.trials or TRIALS:
        began = time.monotonic()
        print(f"==> {name}", flush=True)

        def report(area, tried, outcome):
            rows.append((area, tried, outcome))
            print(f"    {tried}", flush=True)

        try:
            with Lab(options.bin, keep="CTMS_SCALE_KEEP" in os.environ) as lab:
                TRIALS[name](lab, report)
        except Exception as failure:  # the other trials continue
            failed = True
            rows.append((name, "FAILED", str(failure)))
            traceback.print_exc()
        print(f"==> {name}: {time.monotonic() - began:.0f} s", flush=True)
    print_table(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
