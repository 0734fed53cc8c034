#!/usr/bin/python3
# SPDX-License-Identifier: MPL-2.0
"""Tries CTMS on more than one machine's worth of servers, all on the loopback; packaging/scale_out.sh installs what it needs.

    tests/scale/run.py [--bin build/release/bin] [TRIAL...]

Trials: replicas, pooler, failover, patroni; all without names. Each has a temporary directory and servers of its own,
which it ends. Prints a table of what was tried and what came out; exit 1 when something did not come out as it should,
with the directory kept if CTMS_SCALE_KEEP is set. Debian's python3, for its psycopg2.
"""
import argparse
import os
import sys
import textwrap
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import failover  # noqa: E402
import patroni_failover  # noqa: E402
import pooler  # noqa: E402
import replicas  # noqa: E402
from lab import Lab  # noqa: E402

TRIALS = {"replicas": replicas.run, "pooler": pooler.run, "failover": failover.run, "patroni": patroni_failover.run}


def print_table(rows):
    print("\nWhat was tried and what came out:\n")
    for area, tried, outcome in rows:
        print(f"{area + ': ' + tried}")
        print(textwrap.indent(textwrap.fill(outcome, 110), "    "))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", choices=[*TRIALS, []], default=[])
    parser.add_argument("--bin", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin"))
    options = parser.parse_args()
    rows, failed = [], False
    for name in options.trials or TRIALS:
        began = time.monotonic()
        print(f"==> {name}", flush=True)

        def report(area, tried, outcome):
            rows.append((area, tried, outcome))
            print(f"    {tried}", flush=True)

        try:
            with Lab(options.bin) as lab:
                TRIALS[name](lab, report)
        except Exception as failure:  # the other trials go on
            failed = True
            rows.append((name, "FAILED", str(failure)))
            traceback.print_exc()
        print(f"==> {name}: {time.monotonic() - began:.0f} s", flush=True)
    print_table(rows)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
