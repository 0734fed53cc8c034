# SPDX-License-Identifier: MPL-2.0
"""The options and the report that check_api.py, check_functions.py, check_includes.py and check_layers.py share."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(title, documentation, check, self_test):
    """Runs a check as a program. `check()` returns what is wrong, and what to say if nothing is. `self_test()` returns the number of its
    cases, and what is wrong. Ends with exit code 1 if anything is wrong."""
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        cases, wrong = self_test()
        summary = f"{title}, self-test: {cases} cases, {len(wrong)} failed"
    elif not arguments:
        wrong, all_is_well = check()
        summary = f"{title}: {len(wrong)} wrong" if wrong else f"{title}: {all_is_well}"
    else:
        print(documentation.strip())
        sys.exit(0 if arguments in (["--help"], ["-h"]) else 64)
    for fault in wrong:
        print(fault, file=sys.stderr)
    print(summary)
    sys.exit(1 if wrong else 0)
