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


class Side:
    """Programs of one version, with a filled database of their own, since a version may not fit the schema of another."""

    def __init__(self, who, folder, opts, contacts, stack):
        self.who, self.bin = who, folder
        self.database = stack.enter_context(Database(opts.scratch, folder, who))
        say(f"Importing {contacts:,} contacts ...")
        self.import_rate = self.database.load(contacts)
        say(f"  {self.import_rate:,.0f} a second")
        self.generator = Generator(self.database, contacts)
        self.server = stack.enter_context(Server(self.database))


class Bench:
    def __init__(self, opts, contacts=None, stack=None):
        self.opts, self.contacts = opts, contacts
        self.sides = []
        if contacts is not None:
            self.sides = [Side(who, folder, opts, contacts, stack) for folder, who in self.binaries()]
            self.ours = self.sides[0]
            self.database, self.generator, self.server = self.ours.database, self.ours.generator, self.ours.server

    def sides_of(self, number):
        """Our programs and, if given, the others, in alternating order so that neither is always measured second."""
        return self.sides[::-1] if number % 2 else self.sides

    def binaries(self):
        return [(self.opts.bin, "ours")] + ([(self.opts.against, "against")] if self.opts.against else [])

    def rounds(self):
        return range(self.opts.rounds)

    def wrk(self, side, what, connections):
        return side.generator.wrk(side.server, what, connections, self.opts.seconds)

    def warm_up(self, what):
        for side in self.sides:
            side.generator.warm_up(side.server, what)

    def settle(self):
        """Finishes what earlier writes left to the databases, so that it causes no work during the next measurement."""
        for side in self.sides:
            side.database.settle()


@contextlib.contextmanager
def filled(opts, contacts):
    """Yields a Bench on new databases with this many contacts."""
    with contextlib.ExitStack() as stack:
        yield Bench(opts, contacts, stack)
