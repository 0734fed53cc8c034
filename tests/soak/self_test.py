#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Tests that the judge of the soak notices growth, and nothing else. Needs neither a server nor a database."""
import random
import unittest

import judge

NAMES = [*judge.LIMITS, "rows of ctms_changes", "rows of ctms_audit_log", "rows of ctms_inbox", "minutes"]


def samples(**grow):
    """An hour with noise of 3 %. `grow`: by name, how many times as much there is in the end."""
    numbers = random.Random(1)
    return [{name: 100 * (1 + (grow.get(name, 1) - 1) * minute / 59) * (0.97 + 0.06 * numbers.random()) for name in NAMES} for minute in range(60)]


def too_much(found):
    return [growth.name for growth in judge.compare(judge.thirds(found)) if growth.too_much]


class Judge(unittest.TestCase):
    def test_noise_is_no_growth(self):
        self.assertEqual(too_much(samples()), [])

    def test_less_is_no_growth(self):
        self.assertEqual(too_much(samples(**dict.fromkeys(NAMES, 0.5))), [])

    def test_each_growth_is_noticed(self):
        for name in (*judge.LIMITS, "rows of ctms_changes"):
            self.assertEqual(too_much(samples(**{name: 20})), [name])

    def test_a_small_leak_is_noticed(self):
        self.assertEqual(too_much(samples(**{"web MiB": 1.2})), ["web MiB"])

    def test_what_may_grow(self):
        self.assertEqual(too_much(samples(**{"rows of ctms_audit_log": 9, "minutes": 60})), [])

    def test_one_peak_is_no_growth(self):
        found = samples()
        found[-1] = dict.fromkeys(NAMES, 100_000)
        self.assertEqual(too_much(found), [])

    def test_the_tables_that_grew_most(self):
        medians = {"KiB of a": [5, 9], "KiB of b": [5, 100], "KiB of c": [5, 4], "rows of a": [1, 1000], "KiB of d": [7, 8]}
        self.assertEqual(judge.largest_growth(medians, 2), [("b", 95), ("a", 4)])

    def test_the_warm_up(self):
        self.assertEqual([judge.warm_up_of(minutes) for minutes in (judge.SHORTEST, 60, 600)], [6, 15, 60])


if __name__ == "__main__":
    unittest.main()
