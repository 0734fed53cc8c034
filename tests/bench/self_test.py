#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Tests that the harness parses the output of its tools and evaluates samples correctly. Needs neither a server nor a database."""
import http.server
import itertools
import json
import threading
import time
import unittest

from support import contacts, load, other_work, report, steady
from support.scene import Failure

WRK = """Running 4s test @ http://127.0.0.1:8000
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms  512.00us  12.01ms   85.00%
  Latency Distribution
     50%  500.00us
     75%    1.20ms
     90%    1.60ms
     99%    {p99}
  {requests} requests in 4.00s, 100.00MB read
{errors}Requests/sec:  15000.25
Transfer/sec:     25.00MB
"""

PGBENCH = """transaction type: read.sql
number of transactions actually processed: 88000
number of failed transactions: {failed} (0.000%)
latency average = 0.363 ms
tps = 22010.123456 (without initial connection time)
"""


def wrk(p99="2.40ms", requests=60001, errors=""):
    return load.parse_wrk(WRK.format(p99=p99, requests=requests, errors=errors))


class Tools(unittest.TestCase):
    def test_a_run_of_wrk(self):
        self.assertEqual(wrk(), load.Load(15000.25, 60001, 0.5, 2.4))

    def test_latencies_of_any_unit(self):
        for text, expected in (("500.00us", 0.5), ("2.40ms", 2.4), ("1.50s", 1500), ("1.02m", 61_200), ("1.00h", 3_600_000)):
            self.assertAlmostEqual(wrk(p99=text).p99, expected)

    def test_a_run_of_wrk_that_failed(self):
        for broken in ({"p99": "-nan"}, {"requests": 0}, {"errors": "  Non-2xx or 3xx responses: 12\n"},
                       {"errors": "  Socket errors: connect 0, read 3, write 0, timeout 0\n"}):
            with self.assertRaises(Failure):
                wrk(**broken)
        with self.assertRaises(Failure):
            load.parse_wrk("unable to connect to 127.0.0.1:8000 Connection refused\n")

    def test_floods_go_on_when_requests_are_refused_or_late(self):
        flood = "  0 requests in 4.00s, 0.00B read\n{}Requests/sec:  {}\n"
        self.assertEqual(load.parse_flood(flood.format("", "0.00")), load.Answers(0, 0, 0))
        errors = "  Socket errors: connect 0, read 0, write 0, timeout 7\n  Non-2xx or 3xx responses: 12\n"
        self.assertEqual(load.parse_flood(flood.format(errors, "3.25")), load.Answers(3.25, 12, 7))
        with self.assertRaises(Failure):
            load.parse_flood(flood.format("  Socket errors: connect 0, read 3, write 0, timeout 0\n", "3.25"))

    def test_runs_of_pgbench(self):
        self.assertEqual(load.parse_pgbench(PGBENCH.format(failed=0)).rate, 22010.123456)
        with self.assertRaises(Failure):
            load.parse_pgbench(PGBENCH.format(failed=3))

    def test_a_run_that_fails_is_repeated_once(self):
        outcomes = [Failure("first"), 5]

        def attempt():
            outcome = outcomes.pop(0)
            if isinstance(outcome, Failure):
                raise outcome
            return outcome
        self.assertEqual(load.twice(attempt), 5)
        outcomes = [Failure("first"), Failure("second")]
        with self.assertRaisesRegex(Failure, "second"):
            load.twice(attempt)

    def test_contacts_are_lines_of_json_with_ids_of_their_numbers(self):
        for n in range(1, 31):
            contact = json.loads(contacts.line(n))
            self.assertEqual(contact["email"]["email_id"], contacts.id_of(n))
            self.assertEqual(sum(contact[group] is not None for group in ("amo", "fxa", "mofo")), 1)
            self.assertEqual((len(contact["newsletters"]), len(contact["waitlists"])), (4, 1 if n % 5 == 1 else 0))
        self.assertEqual(contacts.id_of(1), "9e3779b1-0000-4000-8000-000000000001")


class Contact(http.server.BaseHTTPRequestHandler):
    """Answers reads by id; every tenth is refused."""

    def do_GET(self):
        self.server.seen.append(self.path)
        self.send_response(503 if next(self.server.numbers) % 10 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Beside(unittest.TestCase):
    def test_percentiles(self):
        self.assertEqual(steady.summary(range(200, 0, -1), 3), steady.Reads(101, 199, 3))

    def test_steady_reads(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Contact) as server:
            server.seen, server.numbers = [], itertools.count(1)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            found = steady.read(server.server_port, "token", 5, 0.5)
            server.shutdown()
        self.assertEqual(found.failed, len(server.seen) // 10)
        self.assertAlmostEqual(len(server.seen), 0.5 * steady.RATE, delta=steady.CONNECTIONS)
        self.assertLessEqual(set(server.seen), {"/ctms/" + contacts.id_of(n) for n in range(1, 6)})

    def test_work_goes_on_until_the_block_ends(self):
        ended = []

        def count():
            try:
                while True:
                    time.sleep(0.001)
                    yield 5
            finally:
                ended.append(True)
        with other_work.repeated(count()) as outcome:
            self.assertFalse(ended)
        self.assertTrue(ended)
        self.assertGreater(outcome.rate, 0)

    def test_work_that_fails_is_no_result(self):
        with self.assertRaisesRegex(Failure, "division"):
            with other_work.repeated(1 // 0 for _ in "x"):
                pass


class Rows(unittest.TestCase):
    def test_medians_and_ratios(self):
        row = report.Row("k", "t", "/s", [90, 500, 110], [100, 220, 200], wanted=0.5)
        self.assertEqual((row.ratio, row.met), (0.55, True))
        self.assertFalse(report.Row("k", "t", "/s", [90], [200], wanted=0.5).met)

    def test_limits(self):
        self.assertTrue(report.Row("k", "t", "ms", [0.3], wanted=0.5, at_least=False).met)
        self.assertFalse(report.Row("k", "t", "ms", [0.6], wanted=0.5, at_least=False).met)
        self.assertFalse(report.Row("k", "t", "/s", [49_999], wanted=50_000).met)
        self.assertIsNone(report.Row("k", "t", "/s", [1]).met)

    def test_the_table(self):
        rows = [report.Row("a", "one", "/s", [90, 110], [200], [50], wanted=0.7), report.Row("b", "two", "", [])]
        earlier = {"a": {"ours": 80, "ratio": 0.4}}
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.table(rows, earlier).splitlines()]
        self.assertEqual(lines[2], ["one", "200.0 /s", "100.0 /s", "0.50", "50.00 /s", "2.00", ">= 0.7", "NO", "80.00 /s (0.40)", "20 %"])
        self.assertEqual(lines[3], ["two", "-", "failed", "-", "-", "-", "-", "-", "-", "-"])


if __name__ == "__main__":
    unittest.main()
