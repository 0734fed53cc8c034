#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Measures ctms-sync with fake-acoustic, and compares it with a client that sends one contact and makes one call at a time.

    tests/bench/sync.py [--contacts 500] [--rounds 5] [--latency-ms 200] [--resync 100000] [--limits 200:500,10:5000] [--writes 20]
                        [--bin build/release/bin]

The vendor takes --latency-ms per call and accepts ten calls at a time; each contact has rows in its three tables. The other client
makes three calls per contact, each on a new connection, for --reference contacts. The two are measured in turn; the medians and
their ratio are printed. Then it measures the effect of skipping unchanged tables, and a resync of all contacts with low latency: rate,
CPU time and memory. --limits measures pairs of milliseconds per call and contacts: which part of the vendor's limit is used, and the CPU time
of ctms-sync and of the database for a contact. --writes measures how long so many writes wait behind a resync of --resync contacts. 0 and ""
leave a part out. --bulk sends so many contacts by bulk jobs: OpenSSH's server on the loopback is the file server, and --job-ms the duration
of a job. Needs psql. Nothing else should run on the machine meanwhile; on a busy one, the CPU times are what counts.
"""
import argparse
import datetime
import http.client
import json
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from support.scene import DEFAULT_BIN, HERE, Database, free_port, scratch_folder
from support.vendor import AT_ONCE, Vendor, queue, start_sync


class Bench:
    def __init__(self, opts, database):
        self.opts, self.sql, self.database = opts, database.sql, database
        self.log = os.path.join(database.scratch, "sync.log")

    def queue(self, number):
        queue(self.database, number)

    def start(self, vendor, log, *arguments, **settings):
        return start_sync(self.database, vendor, log, *arguments, CTMS_ACOUSTIC_BATCH_LIMIT=str(self.opts.batch), **settings)

    def database_cpu(self):
        """The CPU seconds of all processes of PostgreSQL so far, also of those that have ended."""
        master, ticks = self.database.postmaster(), 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(pid) == master:
                ticks += sum(int(field) for field in fields[11:15])
            elif int(fields[1]) == master:
                ticks += sum(int(field) for field in fields[11:13])
        return ticks / os.sysconf("SC_CLK_TCK")

    def sync(self, vendor, **settings):
        """Runs one pass of ctms-sync. Returns seconds, calls, CPU seconds and peak memory in MiB."""
        before = vendor.calls()
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            process = self.start(vendor, log, "--once", **settings)
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
    vendor = Vendor(opts.bin, opts.latency_ms)
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
    vendor = Vendor(opts.bin, opts.resync_latency_ms)
    bench.sql("truncate ctms_vendor_state")
    for what in ("for the first time", "again"):
        bench.queue(opts.resync)
        seconds, calls, cpu, peak = bench.sync(vendor)
        print(f"resync of {opts.resync:,} contacts {what}, {opts.resync_latency_ms} ms per call: {seconds:.0f} s, {opts.resync / seconds:,.0f} contacts "
              f"a second, {calls:,} calls, CPU {cpu / opts.resync * 1000:.2f} s for 1,000 contacts, memory at most {peak:.0f} MiB", flush=True)
    vendor.stop()


def limits(bench):
    for pair in filter(None, bench.opts.limits.split(",")):
        latency_ms, contacts = (int(part) for part in pair.split(":"))
        vendor = Vendor(bench.opts.bin, latency_ms)
        bench.queue(contacts)
        before = bench.database_cpu()
        seconds, calls, cpu, peak = bench.sync(vendor)
        database = bench.database_cpu() - before
        limit = AT_ONCE * 1000 / latency_ms
        print(f"{latency_ms} ms per call, {contacts:,} contacts: {calls / seconds:,.1f} calls a second, {calls / seconds / limit:.2f} of the "
              f"limit, {contacts / seconds:,.1f} contacts a second; CPU for a contact: ctms-sync {cpu / contacts * 1000:.2f} ms, database "
              f"{database / contacts * 1000:.2f} ms; memory at most {peak:.0f} MiB", flush=True)
        vendor.stop()
    if bench.opts.limits:
        vendor = Vendor(bench.opts.bin, 1)
        bench.queue(contacts)
        before = bench.database_cpu()
        seconds, calls, cpu, _ = bench.sync(vendor, CTMS_ACOUSTIC_SKIP_UNCHANGED="true")
        database = bench.database_cpu() - before
        print(f"CTMS_ACOUSTIC_SKIP_UNCHANGED, the last {contacts:,} contacts again: {calls:,} calls, {contacts / seconds:,.0f} contacts a second; "
              f"CPU for a contact: ctms-sync {cpu / contacts * 1000:.2f} ms, database {database / contacts * 1000:.2f} ms", flush=True)
        vendor.stop()


class FileServer:
    """OpenSSH's server on the loopback, with folders that the vendor reads. As root, it runs as nobody."""

    def __init__(self, scratch):
        self.folder, self.port = os.path.join(scratch, "files"), free_port()
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.exchange = os.path.join(self.folder, "exchange")
        for name in (self.folder, self.exchange, os.path.join(self.exchange, "upload"), os.path.join(self.exchange, "download")):
            os.mkdir(name, 0o755)
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(self.folder, name)], check=True)
        with open(os.path.join(self.folder, "host.pub"), encoding="ascii") as key, \
             open(os.path.join(self.folder, "known_hosts"), "w", encoding="ascii") as known:
            known.write(f"[127.0.0.1]:{self.port} {key.read()}")
        with open(os.path.join(self.folder, "sshd_config"), "w", encoding="ascii") as config:
            config.write(f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {self.folder}/host\nAuthorizedKeysFile {self.folder}/client.pub\n"
                         "PidFile none\nStrictModes no\nUsePAM yes\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
                         f"ForceCommand internal-sftp -d {self.exchange}\n")
        command = ["/usr/sbin/sshd", "-D", "-e", "-f", os.path.join(self.folder, "sshd_config")]
        if os.geteuid() == 0:
            for name in (self.exchange, os.path.join(self.exchange, "upload"), os.path.join(self.folder, "host")):
                shutil.chown(name, "nobody", "nogroup")
            command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def settings(self, threshold):
        return {"CTMS_ACOUSTIC_BULK_THRESHOLD": str(threshold), "CTMS_ACOUSTIC_SFTP_HOST": "127.0.0.1",
                "CTMS_ACOUSTIC_SFTP_PORT": str(self.port), "CTMS_ACOUSTIC_SFTP_USER": self.user,
                "CTMS_ACOUSTIC_SFTP_KEY": os.path.join(self.folder, "client"),
                "CTMS_ACOUSTIC_SFTP_KNOWN_HOSTS": os.path.join(self.folder, "known_hosts")}

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def bulk(bench):
    """A resync by bulk jobs."""
    opts = bench.opts
    files = FileServer(bench.database.scratch)
    vendor = Vendor(opts.bin, opts.resync_latency_ms, "--exchange", files.exchange, "--job-ms", str(opts.job_ms))
    bench.sql("truncate ctms_vendor_state")
    bench.queue(opts.bulk)
    before = bench.database_cpu()
    begin = time.monotonic()
    with open(bench.log, "wb") as log:
        process = bench.start(vendor, log, CTMS_LOGGING_LEVEL="INFO", **files.settings(min(10000, opts.bulk // 2)))
        while bench.sql("select count(*) from (select from ctms_sync_queue limit 1) rows") != "0":
            if process.poll() is not None:
                sys.exit("ctms-sync ended; see its last lines:\n" + open(log.name).read()[-2000:])
            time.sleep(1)
        seconds = time.monotonic() - begin
        process.terminate()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    database, cpu = bench.database_cpu() - before, usage.ru_utime + usage.ru_stime
    counts = vendor.counts()
    calls, jobs = counts["calls"], counts["jobs"]
    print(f"resync of {opts.bulk:,} contacts by {jobs} bulk jobs of {opts.job_ms} ms, {opts.resync_latency_ms} ms per call: {seconds:.0f} s, "
          f"{opts.bulk / seconds:,.0f} contacts a second; {calls.get('AddRecipient', 0):,} AddRecipient, "
          f"{calls.get('InsertUpdateRelationalTable', 0):,} InsertUpdateRelationalTable, {calls.get('GetJobStatus', 0):,} GetJobStatus; CPU for 1,000 "
          f"contacts: ctms-sync {cpu / opts.bulk * 1000:.2f} s, database {database / opts.bulk * 1000:.2f} s; memory at most "
          f"{usage.ru_maxrss / 1024:.0f} MiB; the vendor has {counts['contacts']:,} contacts", flush=True)
    with open(bench.log, encoding="utf-8") as log:
        for line in log:
            if "A bulk job" in line and "begins" not in line:
                fields = json.loads(line)["Fields"]
                print("  " + ", ".join(f"{name} {fields[name]}" for name in ("outcome", "imported", "refused", "duration_s", "error") if name in fields))
    vendor.stop()
    files.stop()


def writes(bench):
    """How long writes wait for their first call while a resync is sent."""
    opts = bench.opts
    vendor = Vendor(opts.bin, opts.latency_ms, "--log")
    bench.queue(opts.resync)
    waits = []
    with open(bench.log, "wb") as log:
        process = bench.start(vendor, log)
        ids = bench.sql(f"select email_id from emails order by email_id desc limit {opts.writes}").split()
        while vendor.calls() < 5 * AT_ONCE:
            time.sleep(0.1)
        for email_id in ids:
            time.sleep(0.37)
            begin = time.time()
            bench.sql(f"insert into ctms_sync_queue as q (email_id) values ('{email_id}') on conflict (email_id) do update"
                      " set priority = 0, version = q.version + 1")
            line = next(line for line in vendor.process.stdout if "AddRecipient" in line and email_id in line)
            done = datetime.datetime.fromisoformat(line.split()[0].replace("Z", "+00:00")).timestamp()
            waits.append((done - begin) * 1000 - opts.latency_ms)
        process.terminate()
        process.wait(60)
    vendor.stop()
    bench.sql("delete from ctms_sync_queue")
    print(f"{opts.writes} writes behind a resync of {opts.resync:,} contacts, {opts.latency_ms} ms per call: they waited "
          f"{statistics.median(waits):.0f} ms for their call, at most {max(waits):.0f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=500)
    parser.add_argument("--reference", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--resync", type=int, default=100000)
    parser.add_argument("--resync-latency-ms", type=int, default=1)
    parser.add_argument("--limits", default="")
    parser.add_argument("--writes", type=int, default=0)
    parser.add_argument("--bulk", type=int, default=0)
    parser.add_argument("--job-ms", type=int, default=10000)
    parser.add_argument("--bin", default=DEFAULT_BIN)
    opts = parser.parse_args()
    measured = [int(pair.split(":")[1]) for pair in filter(None, opts.limits.split(","))]
    contacts = max(opts.contacts, opts.resync, opts.bulk, *measured)
    with scratch_folder() as scratch, Database(scratch, opts.bin) as database:
        print(f"Filling with {contacts:,} contacts ...", flush=True)
        database.load(contacts)
        database.sql_file(os.path.join(HERE, "fill_sync.sql"))
        bench = Bench(opts, database)
        if opts.rounds > 0:
            compare(bench)
        limits(bench)
        if opts.bulk > 0:
            bulk(bench)
        if opts.writes > 0:
            writes(bench)
        elif opts.resync > 0:
            resync(bench)


if __name__ == "__main__":
    main()
