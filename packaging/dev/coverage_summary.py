#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Prints what gcovr's summary says about each folder, and fails if libctms has less coverage than wanted."""

import argparse
import json
import sys
from collections import defaultdict

KINDS = ("line", "branch")


def folder_of(name):
    """The folder that a file counts for: libctms/src/json, apps/web, cli."""
    parts = name.split("/")
    return "/".join(parts[: {"libctms": 3, "apps": 2}.get(parts[0], 1)])


def percent(covered, total):
    return 100 * covered / total if total else 100.0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("summary", help="the file of gcovr --json-summary")
    parser.add_argument("--lines", type=float, default=0, help="least percentage of lines of libctms")
    parser.add_argument("--branches", type=float, default=0, help="least percentage of branches of libctms")
    parser.add_argument("--worst", type=int, default=15, help="how many files to print")
    options = parser.parse_args()
    with open(options.summary, encoding="utf-8") as file:
        files = json.load(file)["files"]

    sums = defaultdict(lambda: [0, 0, 0, 0])
    for one in files:
        name = one["filename"]
        for group in {folder_of(name), name.split("/")[0]}:
            for place, kind in enumerate(KINDS):
                sums[group][2 * place] += one[f"{kind}_covered"]
                sums[group][2 * place + 1] += one[f"{kind}_total"]
    if sums["libctms"][1] == 0:
        sys.exit("the summary has no lines of libctms")

    print(f"{'':32} {'lines':>16} {'':>7} {'branches':>16}")
    for group, (lines, all_lines, branches, all_branches) in sorted(sums.items()):
        print(
            f"{group:32} {f'{lines}/{all_lines}':>16} {percent(lines, all_lines):6.1f}% "
            f"{f'{branches}/{all_branches}':>16} {percent(branches, all_branches):6.1f}%"
        )
    print("\nMost lines of libctms that no test executes:")
    missing = sorted(
        ((one["line_total"] - one["line_covered"], one["filename"]) for one in files if one["filename"].startswith("libctms/")),
        reverse=True,
    )
    for count, name in missing[: options.worst]:
        if count:
            print(f"{count:6}  {name}")

    lines, all_lines, branches, all_branches = sums["libctms"]
    short = [
        f"libctms: {reached:.1f} % of the {what} are executed, and {wanted:g} % are wanted"
        for what, reached, wanted in (
            ("lines", percent(lines, all_lines), options.lines),
            ("branches", percent(branches, all_branches), options.branches),
        )
        if reached < wanted
    ]
    print(*short, sep="\n", file=sys.stderr, end="\n" if short else "")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
