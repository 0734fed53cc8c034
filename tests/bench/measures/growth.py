# SPDX-License-Identifier: MPL-2.0
"""Measures what gets slower with more contacts, with a new database for each size."""
from support.report import Row

from .context import filled, say


def measure_size(opts, contacts):
    """Returns contacts imported per second, and for all rounds the p99 of reads and the milliseconds per page of /updates."""
    with filled(opts, contacts) as bench:
        bench.warm_up("read")
        bench.warm_up("updates")
        reads, pages = [], []
        for number in bench.rounds():
            reads.append(bench.wrk(bench.ours, "read", 16).p99)
            pages.append(1000 * 2 / bench.wrk(bench.ours, "updates", 2).rate)
            say(f"  round {number + 1}, {contacts:,} contacts: p99 {reads[-1]:.2f} ms, {pages[-1]:.1f} ms a page")
        return bench.ours.import_rate, reads, pages


def growth(bench):
    """Compares each size with the smallest."""
    smallest = None
    for contacts in bench.opts.growth:
        imported, reads, pages = measure_size(bench.opts, contacts)
        yield Row(f"growth/{contacts}/import", f"import of {contacts:,} contacts", "/s", [imported])
        smallest = smallest or (reads, pages)
        first = contacts == bench.opts.growth[0]
        for key, title, values, least in (("p99", "p99 of reads by id, 16 connections", reads, smallest[0]),
                                          ("page", "a page of /updates, 2 clients", pages, smallest[1])):
            yield Row(f"growth/{contacts}/{key}", f"{title}, {contacts:,} contacts", "ms", values, () if first else least,
                      wanted=None if first else 1.5, at_least=False)
