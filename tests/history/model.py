# SPDX-License-Identifier: MPL-2.0
"""What a contact may be, as its only writer knows it. An answer of success or refusal decides; after 503 or a lost connection the write
may have happened, may happen later, or not at all.
"""
import dataclasses

UNDECIDED_LIMIT = 3  # a contact with more undecided writes is not written again


@dataclasses.dataclass(frozen=True)
class Known:
    """A contact that exists. None stands for one that does not."""
    first_name: str
    newsletters: frozenset = frozenset()  # (name, subscribed)
    amo: str | None = None


def read(contact):
    """The same of a contact that the API returned."""
    return Known(contact["email"]["first_name"], frozenset((one["name"], one["subscribed"]) for one in contact["newsletters"]),
                 contact["amo"] and contact["amo"]["display_name"])


class Contact:
    def __init__(self, email_id, address):
        self.email_id, self.address = email_id, address
        self.possible = {(None, frozenset())}  # each with the numbers of the undecided writes that it includes
        self.undecided = {}                    # number -> write
        self.uncertain_names = set()           # names that undecided writes give, also of those that were decided since
        self.existed = False                   # whether it existed at some time for certain
        self.number = 0

    def is_full(self):
        return len(self.undecided) >= UNDECIDED_LIMIT

    def reachable(self):
        """All possible states, with undecided writes applied at any point."""
        found, wave = set(self.possible), list(self.possible)
        while wave:
            state, used = wave.pop()
            for number, write in self.undecided.items():
                if number not in used:
                    following = (write(state)[1], used | {number})
                    if following not in found:
                        found.add(following)
                        wave.append(following)
        return found

    def answered(self, write, status):
        """Returns whether the status is possible. `write(state)` returns the status and the next state."""
        following = {(write(state)[1], used) for state, used in self.reachable() if write(state)[0] == status}
        if following:
            self.possible = following
            self.existed = self.existed or all(known is not None for known, _ in following)
        return bool(following)

    def lost(self, write, name):
        self.number += 1
        self.undecided[self.number] = write
        if name:
            self.uncertain_names.add(name)

    def seen(self, state):
        """Returns whether a read at the primary may have returned this state."""
        return self.keep(lambda known: known == state)

    def seen_to_exist(self, exists):
        return self.keep(lambda known: (known is not None) == exists)

    def keep(self, fits):
        following = {(known, used) for known, used in self.reachable() if fits(known)}
        if following:
            self.possible = following
        return bool(following)
