# SPDX-License-Identifier: MPL-2.0
"""CPU time of the microbenchmarks in micro/."""
import json
import os
import subprocess

from support.report import Row
from support.scene import Failure

WANTED = {"json_in": 20, "json_out": 5}  # microseconds
TO_MICROSECONDS = {"ns": 0.001, "us": 1, "ms": 1000}


def program(folder):
    return os.path.join(folder, "bench-micro")


def run(folder, opts):
    """Returns the microseconds of each repetition, by name."""
    out = subprocess.run([program(folder), "--benchmark_format=json", f"--benchmark_repetitions={opts.rounds}",
                          f"--benchmark_min_time={0.05 if opts.quick else 0.2}"],
                         check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = {}
    for one in json.loads(out)["benchmarks"]:
        if one["run_type"] == "iteration":
            found.setdefault(one["run_name"], []).append(one["cpu_time"] * TO_MICROSECONDS[one["time_unit"]])
    return found


def micro(bench):
    if not os.path.exists(program(bench.opts.bin)):
        raise Failure(f"{program(bench.opts.bin)} is missing: it is built only if Google Benchmark is installed")
    found = {who: run(folder, bench.opts) for folder, who in bench.binaries() if os.path.exists(program(folder))}
    for name, times in found["ours"].items():
        yield Row(f"micro/{name}", f"micro: {name}", "us", times, (), found.get("against", {}).get(name, ()), wanted=WANTED.get(name),
                  at_least=False)
