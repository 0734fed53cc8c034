#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures ctms-sync with fake-acoustic, and compares it with a client that sends one contact and makes one call at a time.

    tests/bench/sync.py [--contacts 500] [--rounds 5] [--latency-ms 200] [--resync 100000] [--bin build/release/bin]

The vendor takes --latency-ms per call and accepts ten calls at a time; each contact has rows in its three tables. The other client
makes three calls per contact, each on a new connection, for --reference contacts. The two are measured in turn; the medians and
their ratio are printed. Then it measures the effect of skipping unchanged tables, and a resync of all contacts with low latency: rate,
CPU time and memory. Needs psql. Nothing else should run on the machine meanwhile.
"""
import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from support.scene import DEFAULT_BIN, HERE, Database, scratch_folder

AT_ONCE = 10


class Vendor:
    """A fake-acoustic process and its counts."""

    def __init__(self, opts, latency_ms):
        self.process = subprocess.Popen([os.path.join(opts.bin, "fake-acoustic"), "--port", "0", "--latency-ms", str(latency_ms),
                                         "--max-at-once", str(AT_ONCE)], stdout=subprocess.PIPE, text=True)
        self.url = re.match(r"Listening on (\S+)", self.process.stdout.readline())[1]

    def counts(self):
        return json.load(urllib.request.urlopen(self.url + "/state"))

    def calls(self):
        return sum(number for method, number in self.counts()["calls"].items() if method != "token")

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Bench:
    def __init__(self, opts, database):
        self.opts, self.sql = opts, database.sql
        self.env, self.log = database.env, os.path.join(database.scratch, "sync.log")

    def queue(self, number):
        self.sql("insert into ctms_sync_queue (email_id, priority)"
                 f" select email_id, 10 from emails order by email_id limit {number}")

    def sync(self, vendor, **settings):
        """Runs one pass of ctms-sync. Returns seconds, calls, CPU seconds and peak memory in MiB."""
        env = dict(self.env, CTMS_ACOUSTIC_SYNC_FEATURE_FLAG="true", CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG="true",
                   CTMS_ACOUSTIC_BASE_URL=vendor.url, CTMS_ACOUSTIC_CLIENT_ID="fake-client", CTMS_ACOUSTIC_CLIENT_SECRET="fake-secret",
                   CTMS_ACOUSTIC_REFRESH_TOKEN="fake-refresh", CTMS_ACOUSTIC_MAIN_TABLE_ID="1001",
                   CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID="1002", CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID="1003",
                   CTMS_ACOUSTIC_BATCH_LIMIT=str(self.opts.batch), **settings)
        before = vendor.calls()
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            process = subprocess.Popen([os.path.join(self.opts.bin, "ctms-sync"), "--once"], env=env, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0 or self.sql("select count(*) from ctms_sync_queue") != "0":
            sys.exit(f"ctms-sync ended with {process.returncode}; see its last lines:\n" + open(log.name).read()[-2000:])
        return seconds, vendor.calls() - before, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(number, names):
    return "<ROW>" + "".join(f'<COLUMN name="{name}">value of {name} for {number}</COLUMN>' for name in names) + "</ROW>"


def rows_call(table, rows):
    return ("<Envelope><Body><InsertUpdateRelationalTable><TABLE_ID>" + table + "</TABLE_ID><ROWS>" + rows +
            "</ROWS></InsertUpdateRelationalTable></Body></Envelope>")


def calls_of_contact(number):
    names = ["last_name", "mailing_country", *(f"sub_{i}" for i in range(20))]
    columns = [("email_id", f"reference-{number}"), ("email", f"reference-{number}@example.com"), *((name, "1") for name in names)]
    yield ("<Envelope><Body><AddRecipient><LIST_ID>1001</LIST_ID><CREATED_FROM>3</CREATED_FROM><UPDATE_IF_FOUND>TRUE</UPDATE_IF_FOUND>"
           f"<SYNC_FIELDS><SYNC_FIELD><NAME>email_id</NAME><VALUE>reference-{number}</VALUE></SYNC_FIELD></SYNC_FIELDS>" +
           "".join(f"<COLUMN><NAME>{name}</NAME><VALUE>{value}</VALUE></COLUMN>" for name, value in columns) +
           "</AddRecipient></Body></Envelope>")
    newsletters = ["email_id", "newsletter_name", "newsletter_source", "newsletter_format", "newsletter_lang"]
    yield rows_call("1002", row(number, newsletters) * 4)
    yield rows_call("1003", row(number, ["email_id", "product_name", "product_id", "price_id", "segment", "amount"]))


def one_at_a_time(vendor, contacts):
    """Returns the seconds for this many contacts, with three calls each and a new connection per call."""
    where = urllib.parse.urlsplit(vendor.url)
    form = urllib.parse.urlencode({"grant_type": "refresh_token", "client_id": "fake-client", "client_secret": "fake-secret",
                                   "refresh_token": "fake-refresh"}).encode()
    token = json.load(urllib.request.urlopen(vendor.url + "/oauth/token", form))["access_token"]
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/x-www-form-urlencoded"}
    begin = time.monotonic()
    for number in range(contacts):
        for xml in calls_of_contact(number):
            connection = http.client.HTTPConnection(where.hostname, where.port, timeout=10)
            connection.request("POST", "/XMLAPI", urllib.parse.urlencode({"xml": xml}), headers)
            answer = connection.getresponse().read().decode()
            connection.close()
            if "<SUCCESS>true" not in answer.replace("TRUE", "true"):
                sys.exit("the vendor refuses the Python service's call: " + answer)
    return time.monotonic() - begin


def compare(bench):
    opts = bench.opts
    vendor = Vendor(opts, opts.latency_ms)
    ours, theirs, runs = [], [], []
    for number in range(opts.rounds):
        bench.queue(opts.contacts)
        runs.append(bench.sync(vendor))
        ours.append(opts.contacts / runs[-1][0])
        theirs.append(opts.reference / one_at_a_time(vendor, opts.reference))
        print(f"round {number + 1}: {ours[-1]:.1f} and {theirs[-1]:.2f} contacts per second", flush=True)
    seconds, calls, cpu, _ = (statistics.median(values) for values in zip(*runs))
    least = calls * opts.latency_ms / 1000 / AT_ONCE
    print(f"one call at a time: {statistics.median(theirs):.2f} contacts per second")
    print(f"ctms-sync, batches of {opts.batch}: {statistics.median(ours):.1f} contacts per second, "
          f"{statistics.median(ours) / statistics.median(theirs):.1f} times as many")
    print(f"  {calls:.0f} calls for {opts.contacts} contacts: {AT_ONCE} connections need at least {least:.1f} s; it took {seconds:.1f} s, "
          f"so the connections were in use {100 * least / seconds:.1f} % of the time")
    print(f"  the limit with one AddRecipient per contact: {AT_ONCE * 1000 / opts.latency_ms:.0f} contacts per second")
    print(f"  CPU: {cpu / opts.contacts * 1000:.2f} s for 1,000 contacts")
    bench.sql("update newsletters set source = 'https://www.mozilla.org/fr/' where email_id in"
              f" (select email_id from emails order by email_id limit {opts.contacts})")
    for what in ("only newsletter rows changed", "nothing changed"):
        bench.queue(opts.contacts)
        seconds, calls, _, _ = bench.sync(vendor, CTMS_ACOUSTIC_SKIP_UNCHANGED="true")
        print(f"CTMS_ACOUSTIC_SKIP_UNCHANGED, {what}: {calls} calls, {seconds:.1f} s, {opts.contacts / seconds:,.0f} contacts per second")
    refused = vendor.counts().get("refused_as_too_many")
    print(f"calls refused as too many: {refused}")
    vendor.stop()


def resync(bench):
    opts = bench.opts
    vendor = Vendor(opts, opts.resync_latency_ms)
    bench.sql("truncate ctms_vendor_state")
    for what in ("for the first time", "again"):
        bench.queue(opts.resync)
        seconds, calls, cpu, peak = bench.sync(vendor)
        print(f"resync of {opts.resync:,} contacts {what}, {opts.resync_latency_ms} ms per call: {seconds:.0f} s, {opts.resync / seconds:,.0f} contacts "
              f"a second, {calls:,} calls, CPU {cpu / opts.resync * 1000:.2f} s for 1,000 contacts, memory at most {peak:.0f} MiB", flush=True)
    vendor.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=500)
    parser.add_argument("--reference", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--resync", type=int, default=100000)
    parser.add_argument("--resync-latency-ms", type=int, default=1)
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    contacts = max(opts.contacts, opts.resync)
    with scratch_folder() as scratch, Database(scratch, opts.bin) as database:
        print(f"Filling with {contacts:,} contacts ...", flush=True)
        database.load(contacts)
        database.sql_file(os.path.join(HERE, "fill_sync.sql"))
        bench = Bench(opts, database)
        if opts.rounds > 0:
            compare(bench)
        if opts.resync > 0:
            resync(bench)


if __name__ == "__main__":
    main()
