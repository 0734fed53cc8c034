# SPDX-License-Identifier: MPL-2.0
"""The context of a measure: options, a filled database, and servers on it."""
import contextlib
import sys
from dataclasses import dataclass, field

from support.load import Generator
from support.scene import Database, Server


@dataclass
class Options:
    scratch: str
    bin: str
    against: str | None
    contacts: int
    rounds: int
    seconds: float
    quick: bool
    growth: list = field(default_factory=list)


def say(text):
    """Prints progress to standard error; only the table goes to standard output."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, opts, database=None, contacts=None, stack=None):
        self.opts, self.database, self.contacts = opts, database, contacts
        if database is None:
            return
        self.generator = Generator(database, contacts)
        self.server = stack.enter_context(Server(database))
        self.other = stack.enter_context(Server(database, opts.against)) if opts.against else None

    def servers(self, number):
        """Our server and, if given, the other one, in alternating order so that neither is always measured second."""
        both = [(self.server, "ours")] + ([(self.other, "against")] if self.other else [])
        return both[::-1] if number % 2 else both

    def binaries(self):
        return [(self.opts.bin, "ours")] + ([(self.opts.against, "against")] if self.opts.against else [])

    def rounds(self):
        return range(self.opts.rounds)

    def wrk(self, server, what, connections):
        return self.generator.wrk(server, what, connections, self.opts.seconds)

    def warm_up(self, what):
        for server, _ in self.servers(0):
            self.generator.warm_up(server, what)


@contextlib.contextmanager
def filled(opts, contacts):
    """Yields a Bench on a new database with this many contacts, and the number of contacts imported per second."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Database(opts.scratch, opts.bin))
        say(f"Importing {contacts:,} contacts ...")
        rate = database.load(contacts)
        say(f"  {rate:,.0f} a second")
        yield Bench(opts, database, contacts, stack), rate
