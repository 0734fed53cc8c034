#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Shows where the CPU time of a load is spent: by process from /proc, by function from perf or callgrind.

packaging/dev/profile.sh installs the requirements, builds the programs and runs this.
"""
import argparse
import os
import resource
import shutil
import signal
import sys

from support import profiler
from support.load import Generator, finish, parse_wrk
from support.processes import cpu_seconds, family_cpu
from support.scene import DEFAULT_BIN, Database, Failure, Server, scratch_folder

CONNECTIONS = {"updates": 2, "token": 8}


def arguments():
    parser = argparse.ArgumentParser(prog="packaging/dev/profile.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=["read", "email", "patch", "mix", "updates", "token"])
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="duration of the load (default 10)")
    parser.add_argument("--connections", type=int, metavar="N", help="default 64 (2 for updates, 8 for token)")
    parser.add_argument("--contacts", type=int, default=20_000, metavar="N", help="default 20,000")
    parser.add_argument("--all", action="store_true", help="perf records the whole machine instead of only ctms-web")
    parser.add_argument("--callgrind", action="store_true", help="count instructions with callgrind instead, about 50 times slower")
    parser.add_argument("--top", type=int, default=25, metavar="N", help="functions to show per binary (default 25)")
    parser.add_argument("--keep", metavar="FILE", help="keep perf's or callgrind's recording in FILE")
    parser.add_argument("--bin", default=DEFAULT_BIN, metavar="DIR", help="the programs (default build/release/bin)")
    opts = parser.parse_args()
    opts.connections = opts.connections or CONNECTIONS.get(opts.measure, 64)
    return opts


def cpu_now(server, database):
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"ctms-web": cpu_seconds(server.pid), "postgres": family_cpu(database.postmaster()), "wrk": (usage.ru_utime, usage.ru_stime)}


def print_cpu(before, after, load, opts):
    print(f"{load.requests:,} requests, {load.rate:,.0f} per second, {opts.connections} connections: "
          f"p50 {load.p50:.2f} ms, p99 {load.p99:.2f} ms")
    print(f"\n{'CPU us a request':<18}{'user':>11}{'kernel':>11}{'sum':>11}")
    total = [0.0, 0.0]
    for name, (user, system) in after.items():
        spent = [(now - then) * 1e6 / load.requests for now, then in zip((user, system), before[name])]
        total = [sum(pair) for pair in zip(total, spent)]
        print(f"{name:<18}{spent[0]:11.1f}{spent[1]:11.1f}{sum(spent):11.1f}")
    print(f"{'all':<18}{total[0]:11.1f}{total[1]:11.1f}{sum(total):11.1f}")


def run_load(generator, server, opts):
    """Runs the load without perf, so that perf's CPU time is not counted. Returns wrk's result and the CPU times before and after."""
    before = cpu_now(server, generator.database)
    load = parse_wrk(finish(generator.start_wrk(server, opts.measure, opts.connections, opts.seconds), opts.seconds + 60))
    return before, cpu_now(server, generator.database), load


def recorded_load(generator, server, opts, recording):
    """Runs the same load again while perf records."""
    event = profiler.perf_event()
    load = generator.start_wrk(server, opts.measure, opts.connections, opts.seconds)
    perf = profiler.start_perf(recording, event, None if opts.all else server.pid)
    try:
        parse_wrk(finish(load, opts.seconds + 60))
    finally:
        perf.send_signal(signal.SIGINT)
        errors = perf.communicate(timeout=60)[1]
    if not os.path.exists(recording):
        raise Failure("perf recorded nothing: " + errors)
    print(f"\nSelf time by function, in percent of the samples ({event}):")
    return profiler.perf_shares(recording)


def profile_with_perf(database, opts):
    generator, recording = Generator(database, opts.contacts), os.path.join(database.scratch, "perf.data")
    with Server(database, opts.bin) as server:
        generator.warm_up(server, opts.measure)
        print_cpu(*run_load(generator, server, opts), opts)
        sys.stdout.flush()
        profiler.print_shares(recorded_load(generator, server, opts, recording), opts.top)
    keep(recording, opts)


def profile_with_callgrind(database, opts):
    generator = Generator(database, opts.contacts)
    with Server(database, opts.bin, profiler.callgrind_launcher(database.scratch), patience=180) as server:
        print_cpu(*run_load(generator, server, opts), opts)
    recording = profiler.callgrind_file(database.scratch)
    print("\nInstructions by function, in percent:")
    profiler.print_shares(profiler.callgrind_shares(recording), opts.top)
    keep(recording, opts)


def keep(recording, opts):
    if opts.keep:
        shutil.copy(recording, opts.keep)


def main():
    opts = arguments()
    try:
        with scratch_folder() as scratch, Database(scratch, opts.bin) as database:
            database.load(opts.contacts)
            (profile_with_callgrind if opts.callgrind else profile_with_perf)(database, opts)
    except Failure as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
