# SPDX-License-Identifier: MPL-2.0
"""Information about processes from /proc."""
import os
import re

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat after the name: [0] is the state, [1] the parent."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()


def cpu_seconds(pid, with_ended_children=False):
    """CPU seconds in user mode and in the kernel."""
    fields = stat(pid)
    user, system = int(fields[11]), int(fields[12])
    if with_ended_children:
        user, system = user + int(fields[13]), system + int(fields[14])
    return user / TICKS, system / TICKS


def children(pid):
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and stat(entry)[1] == str(pid):
                found.append(int(entry))
        except OSError:
            pass  # it has ended
    return found


def family_cpu(pid):
    """The same for a process and all its children, including ended ones: for all of a PostgreSQL server."""
    user, system = cpu_seconds(pid, with_ended_children=True)
    for child in children(pid):
        try:
            more = cpu_seconds(child)
        except OSError:
            continue
        user, system = user + more[0], system + more[1]
    return user, system


def memory_mib(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return int(re.search(rf"^{what}:\s+(\d+) kB", file.read(), re.M)[1]) / 1024
