# SPDX-License-Identifier: MPL-2.0
"""Runs perf and callgrind on ctms-web, and groups their results by binary."""
import glob
import os
import re
import subprocess
from collections import defaultdict

from .scene import Failure

KERNEL = "kernel"


def perf_event():
    """The event to sample: cycles if available, otherwise a timer, which also works in virtual machines."""
    for event in ("cycles", "cpu-clock"):
        tried = subprocess.run(["perf", "stat", "-x,", "-e", event, "true"], check=False, text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE).stderr
        if re.match(r"\d", tried):
            return event
    raise Failure("perf cannot count anything here (see /proc/sys/kernel/perf_event_paranoid): " + tried)


def start_perf(path, event, pid=None):
    """Records a process, or the whole machine."""
    whom = ["-a"] if pid is None else ["-p", str(pid)]
    return subprocess.Popen(["perf", "record", "-q", "-g", "-F", "999", "-e", event, "-o", path, *whom], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def perf_shares(path):
    """[(binary, function, percent of all samples)], by self time. Libraries count for the program that uses them."""
    out = subprocess.run(["perf", "report", "-i", path, "--stdio", "--no-children", "-g", "none", "--sort", "comm,dso,symbol", "-t", "|",
                          "--percent-limit", "0"], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = []
    for line in out.splitlines():
        cells = re.match(r"\s*([\d.]+)%\s*\|(.*?)\|(.*?)\|(?:\s*\[.\])?\s*(.*?)\s*(?:\|-\s+-\s*)?$", line)
        if not cells:
            continue
        share, comm, dso, symbol = (cell.strip() for cell in cells.groups())
        if dso.startswith(("[kernel", "[guest")):
            found.append((KERNEL, f"{symbol}  (for {comm})", float(share)))
        else:
            found.append((comm, symbol if dso == comm else f"{symbol}  ({dso})", float(share)))
    return found


def callgrind_launcher(folder):
    """The command to put before a program's command line."""
    return ["valgrind", "--tool=callgrind", "--separate-threads=no", f"--callgrind-out-file={folder}/callgrind.%p"]


def callgrind_file(folder):
    files = sorted(glob.glob(os.path.join(folder, "callgrind.*")), key=os.path.getmtime)
    if not files:
        raise Failure("callgrind left no file")
    return files[-1]


def callgrind_shares(path):
    """Like perf_shares, in percent of the instructions."""
    out = subprocess.run(["callgrind_annotate", "--auto=no", path], check=True, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout
    found = []
    for share, where in re.findall(r"^\s*[\d,]+ \(\s*([\d.]+)%\)\s+(.+)$", out, re.M):
        function = where.split(":", 1)[-1]
        if function != "PROGRAM TOTALS":
            found.append(("ctms-web", function.replace(" [", "  ["), float(share)))
    return found


def print_shares(shares, top):
    """Prints the top functions of each binary, the busiest binary first."""
    by_binary = defaultdict(list)
    for binary, function, share in shares:
        by_binary[binary].append((share, function))
    for binary, functions in sorted(by_binary.items(), key=lambda one: -sum(share for share, _ in one[1])):
        total = sum(share for share, _ in functions)
        if total < 0.5:
            continue
        print(f"\n{binary}: {total:.1f} %")
        for share, function in sorted(functions, reverse=True)[:top]:
            print(f"  {share:6.2f} %  {function[:150]}")
