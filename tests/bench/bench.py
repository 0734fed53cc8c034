#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures ctms-web, mostly in comparison with pgbench. docs/performance.md explains each measure.

packaging/bench.sh installs the requirements, builds the programs and runs this. Progress goes to standard error, the table to
standard output. Nothing else should run on the machine meanwhile.
"""
import argparse
import os
import subprocess
import sys
import time

import measures
from measures.context import Bench, Options, filled, say
from support import report
from support.scene import DEFAULT_BIN, Failure, scratch_folder

GROWTH = [10_000, 200_000, 2_000_000]
BROKEN = (Failure, OSError, subprocess.SubprocessError)


def arguments():
    parser = argparse.ArgumentParser(prog="packaging/bench.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="MEASURE,...", help="of " + ", ".join(measures.ALL) + " (default: all but growth)")
    parser.add_argument("--growth", action="store_true", help="also measure with 10,000, 200,000 and 2,000,000 contacts")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2 seconds and fewer requests, to check that it works")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each value is measured (default 5)")
    parser.add_argument("--seconds", type=int, metavar="N", help="duration of each measurement (default 4)")
    parser.add_argument("--contacts", type=int, default=200_000, metavar="N", help="default 200,000")
    parser.add_argument("--json", metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--before", metavar="FILE", help="the JSON of an earlier run; adds a column with its results")
    parser.add_argument("--bin", default=DEFAULT_BIN, metavar="DIR", help="the programs to measure (default build/release/bin)")
    parser.add_argument("--against", metavar="DIR", help="other programs to measure in the same rounds")
    opts = parser.parse_args()
    opts.names = opts.only.split(",") if opts.only else list(measures.DEFAULT)
    unknown = set(opts.names) - set(measures.ALL)
    if unknown:
        parser.error("unknown measure: " + ", ".join(sorted(unknown)))
    if opts.growth and "growth" not in opts.names:
        opts.names.append("growth")
    return opts


def run_measures(names, bench, rows):
    """Runs measures and adds their rows. Returns the names of those that failed."""
    failed = []
    for name in names:
        say(f"== {name}")
        try:
            rows.extend(measures.ALL[name](bench))
        except BROKEN as failure:
            say(f"  {name} failed: {failure}")
            rows.append(report.Row(name, name, "", []))
            failed.append(name)
    return failed


def run_all(names, opts, rows):
    failed = run_measures([name for name in names if name == "micro"], Bench(opts), rows)
    needing = [name for name in names if name not in measures.EMPTY]
    if needing:
        with filled(opts, opts.contacts) as bench:
            rates = {side.who: [side.import_rate] for side in bench.sides}
            rows.append(report.Row("import", f"import of {opts.contacts:,} contacts", "/s", rates["ours"], (), rates.get("against", ())))
            failed += run_measures(needing, bench, rows)
    return failed + run_measures([name for name in names if name == "growth"], Bench(opts), rows)


def about(opts):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    version = subprocess.run([os.path.join(opts.bin, "ctms-web"), "--version"], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    return {"version": version, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpu": model, "cores": os.cpu_count(), "kernel": os.uname().release,
            "contacts": opts.contacts, "rounds": opts.rounds, "seconds": opts.seconds}


def main():
    given = arguments()
    earlier = report.read_json(given.before) if given.before else None
    rows = []
    with scratch_folder() as scratch:
        opts = Options(scratch=scratch, bin=os.path.abspath(given.bin), against=given.against and os.path.abspath(given.against),
                       contacts=given.contacts, rounds=given.rounds or (3 if given.quick else 5),
                       seconds=given.seconds or (2 if given.quick else 4), quick=given.quick, growth=GROWTH[:2] if given.quick else GROWTH)
        facts = about(opts)
        say(f"{facts['cores']} cores of {facts['cpu']}; load before: {os.getloadavg()[0]:.2f}")
        failed = run_all(given.names, opts, rows)
    print(report.table(rows, earlier))
    if given.json:
        report.write_json(given.json, rows, facts)
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
