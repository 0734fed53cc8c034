#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures the bulk commands of ctms-admin on an embedded database of its own (fsync on).

    tests/bench/bulk.py [--contacts 200000] [--bin build/release/bin]

Prints contacts a second, and the CPU time of the client and of PostgreSQL's sessions: on a machine that does other things
too, that says what an idle one would do. Contacts have 2 newsletters each.
"""
import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
import uuid


def write_contacts(path, count):
    numbers = random.Random(7)
    with open(path, "w", encoding="ascii") as out:
        for i in range(count):
            ids = [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(2)]
            contact = {"email": {"email_id": ids[0], "primary_email": f"person{i}@example.com", "basket_token": ids[1], "first_name": "Jane",
                                 "last_name": "Doe", "mailing_country": "de", "email_lang": "de"},
                       "newsletters": [{"name": "mozilla-and-you", "source": "https://www.example.com/a"}, {"name": "hubs", "format": "T"}]}
            out.write(json.dumps(contact, separators=(",", ":")) + "\n")


def server_cpu(data):
    """Seconds of CPU that the server's ended sessions took."""
    for folder, _, files in os.walk(data):
        if "postmaster.pid" in files:
            with open(os.path.join(folder, "postmaster.pid"), encoding="ascii") as pid:
                with open(f"/proc/{pid.readline().strip()}/stat", encoding="ascii") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
            return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def measure(what, contacts, data, command, env):
    before = server_cpu(data)
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    time.sleep(0.5)  # sessions end a moment behind their client
    client = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{what:<22}{contacts:>10,}{seconds:>9.1f} s{contacts / seconds:>10,.0f}/s   CPU {client:6.1f} s client"
          f"{server_cpu(data) - before:7.1f} s server   load {os.getloadavg()[0]:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--bin", default="build/release/bin")
    opts = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="ctms-bulk-")
    os.chmod(scratch, 0o755)
    data, n = os.path.join(scratch, "data"), opts.contacts
    env = dict(os.environ, CTMS_DATA_DIR=data)
    env.pop("CTMS_DB_URL", None)
    admin = [os.path.join(opts.bin, "ctms-admin"), "--embedded"]
    subprocess.run([*admin, "migrate"], env=env, check=True, stdout=subprocess.DEVNULL)
    keeper = subprocess.Popen([*admin, "db", "psql", "-qc", "select pg_sleep(7200)"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        contacts, dump, half = (os.path.join(scratch, name) for name in ("contacts.ndjson", "dump.ndjson", "half"))
        write_contacts(contacts, n)
        with open(half, "w", encoding="ascii") as out:
            out.writelines(f"Person{i}@example.com\n" for i in range(0, n, 2))
        measure("import", n, data, [*admin, "contacts", "import", contacts], env)
        measure("import again", n, data, [*admin, "contacts", "import", contacts], env)
        measure("dump", n, data, [*admin, "contacts", "dump", "-o", dump], env)
        measure("suppress (half)", n // 2, data, [*admin, "suppress", "--yes", half], env)
        measure("delete-bulk (half)", n // 2, data, [*admin, "contacts", "delete-bulk", "--yes", half], env)
        measure("import a dump (half)", n, data, [*admin, "contacts", "import", "--replace", dump], env)
    finally:
        keeper.terminate()
        keeper.wait()
        subprocess.run([*admin, "db", "psql", "-qc", "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%'"],
                       env=env, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(5)  # the server stops behind its last user
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
