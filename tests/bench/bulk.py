#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures the bulk commands of ctms-admin on a new embedded database (fsync on).

    tests/bench/bulk.py [--contacts 200000] [--bin build/release/bin]

Prints contacts per second and the CPU time of the client and of PostgreSQL. On a busy machine, the CPU time
shows what an idle machine would achieve. Each contact has 2 newsletters.
"""
import argparse
import json
import os
import random
import resource
import subprocess
import time
import uuid

from support.processes import family_cpu
from support.scene import DEFAULT_BIN, Database, scratch_folder


def write_contacts(path, count):
    numbers = random.Random(7)
    with open(path, "w", encoding="ascii") as out:
        for i in range(count):
            ids = [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(2)]
            contact = {"email": {"email_id": ids[0], "primary_email": f"person{i}@example.com", "basket_token": ids[1], "first_name": "Jane",
                                 "last_name": "Doe", "mailing_country": "de", "email_lang": "de"},
                       "newsletters": [{"name": "mozilla-and-you", "source": "https://www.example.com/a"}, {"name": "hubs", "format": "T"}]}
            out.write(json.dumps(contact, separators=(",", ":")) + "\n")


def measure(what, contacts, database, *command):
    postmaster = database.postmaster()
    before, used, began = sum(family_cpu(postmaster)), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([os.path.join(database.bin, "ctms-admin"), *command], env=database.env, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    seconds, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    time.sleep(0.5)  # sessions end a moment after their client
    client = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    print(f"{what:<22}{contacts:>10,}{seconds:>9.1f} s{contacts / seconds:>10,.0f}/s   CPU {client:6.1f} s client"
          f"{sum(family_cpu(postmaster)) - before:7.1f} s server   load {os.getloadavg()[0]:.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    n = opts.contacts
    with scratch_folder() as scratch, Database(scratch, opts.bin) as database:
        contacts, dump, half = (os.path.join(scratch, name) for name in ("contacts.ndjson", "dump.ndjson", "half"))
        write_contacts(contacts, n)
        with open(half, "w", encoding="ascii") as out:
            out.writelines(f"Person{i}@example.com\n" for i in range(0, n, 2))
        measure("import", n, database, "contacts", "import", contacts)
        measure("import again", n, database, "contacts", "import", contacts)
        measure("dump", n, database, "contacts", "dump", "-o", dump)
        measure("suppress (half)", n // 2, database, "suppress", "--yes", half)
        measure("delete-bulk (half)", n // 2, database, "contacts", "delete-bulk", "--yes", half)
        measure("import a dump (half)", n, database, "contacts", "import", "--replace", dump)


if __name__ == "__main__":
    main()
