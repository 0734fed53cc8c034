#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Reads the JUnit report of a CTest run.

    check_tests.py REPORT             fails unless each test in it ran: in CI a skipped test is a failure
    check_tests.py --failures REPORT  prints the last lines of the output of each test that failed

The first prints a line for each test that was skipped, disabled or not run. It ends with exit code 1 if there are any, or if the report is
missing, damaged or empty.
"""

import sys
import xml.etree.ElementTree


def not_run(report):
    """The name and reason of each test that did not run, and the number of all tests."""
    tests = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
    out = []
    for test in tests:
        skipped = test.find("skipped")
        if skipped is not None or test.get("status") not in ("run", "fail"):
            reason = (skipped.get("message") if skipped is not None else None) or test.get("status")
            out.append((test.get("name"), reason))
    return out, len(tests)


def print_failures(report, tests=4, lines=25, width=400):
    """Prints the end of the output of the first `tests` that failed. They are few enough for the end of a log."""
    failed = [test for test in xml.etree.ElementTree.parse(report).getroot().iter("testcase") if test.get("status") == "fail"]
    for test in failed[:tests]:
        print(f"==> The last lines of {test.get('name')}:")
        for line in (test.findtext("system-out") or "").rstrip().splitlines()[-lines:]:
            print("    " + line[:width])


def main(report):
    try:
        skipped, count = not_run(report)
    except (OSError, xml.etree.ElementTree.ParseError) as problem:
        print(f"==> The test report cannot be read: {problem}")
        return 1
    for name, reason in skipped:
        print(f"==> Did not run, which is a failure in CI: {name} ({reason})")
    if count == 0:
        print("==> The test report is empty")
    return 1 if skipped or count == 0 else 0


if len(sys.argv) == 3 and sys.argv[1] == "--failures":
    print_failures(sys.argv[2])
elif len(sys.argv) == 2:
    sys.exit(main(sys.argv[1]))
else:
    print(__doc__, file=sys.stderr)
    sys.exit(64)
