#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Changes the code in small ways and checks that a test notices each change.

A mutant is one change of one line: another comparison, a negated condition, a call that is left out. The mutants are chosen by rule: every
place that a rule matches gets an id, a hash of the file, the line's text and the rule, and the places with the lowest ids are taken, from
each folder in proportion to its places. So the choice stays the same until the code changes.

Works on a copy of the sources in build/mutants. For each mutant, it builds the programs and the tests that should notice, and runs these
tests until one fails. The results go to a file after each mutant, so a run can be stopped and continued. A mutant is

  killed     a test failed, or did not end in time
  refused    the compiler did not take it
  survived   all tests passed: a new test is needed, or a reason why the change makes no difference (--excuse)
"""

import argparse
import csv
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
RESULTS = ROOT / "tests" / "mutation" / "results.tsv"
COLUMNS = ["id", "file", "rule", "before", "after", "verdict", "by", "reason"]

# What is changed, by folder, and the test programs that should notice, the fastest first.
TESTS = {
    "libctms/src/acoustic": ["unit", "sync"],
    "libctms/src/auth": ["unit", "service", "http"],
    "libctms/src/base": ["unit", "http", "cli"],
    "libctms/src/fields": ["unit", "db", "http"],
    "libctms/src/json": ["unit", "service", "http"],
    "libctms/src/metrics": ["unit", "http", "sync_process"],
    "libctms/src/model": ["unit", "service", "http"],
    "libctms/src/mozlog": ["unit", "http"],
    "libctms/src/net": ["net", "unit"],
    "libctms/src/persistence": ["db", "service", "sync", "http", "cli"],
    "libctms/src/privacy": ["unit", "http"],
    "libctms/src/service": ["service", "db", "sync", "http", "cli"],
    "libctms/src/webhook": ["webhook", "webhook_process"],
    "apps/support": ["unit", "net", "http", "sync_process"],
    "apps/sync": ["sync", "sync_process", "webhook_process"],
    "apps/web": ["unit", "http"],
    "cli": ["cli", "unit"],
}

# Tests that start no program of ours.
WITHOUT_PROGRAMS = {"unit", "net", "db", "service", "sync", "webhook"}

# Rules: a name, a pattern, and what replaces it. `^...$` rules see the whole line.
RULES = [
    ("less", r"(?<=[\w)\]]) < (?=[\w(])", " <= "),
    ("less-equal", r"(?<=[\w)\]]) <= (?=[\w(])", " < "),
    ("greater", r"(?<=[\w)\]]) > (?=[\w(])", " >= "),
    ("greater-equal", r"(?<=[\w)\]]) >= (?=[\w(])", " > "),
    ("equal", r" == ", " != "),
    ("not-equal", r" != ", " == "),
    ("and", r" && ", " || "),
    ("or", r" \|\| ", " && "),
    ("true", r"\breturn true;", "return false;"),
    ("false", r"\breturn false;", "return true;"),
    ("plus-one", r" \+ 1\b", ""),
    ("minus-one", r" - 1\b", ""),
    ("condition", r"\bif \((?!const |auto |!|constexpr)([^;()]*(?:\([^()]*\)[^;()]*)*)\) (?=[\w{])", r"if (!(\1)) "),
    ("call", r"^(\s+)[a-z][\w.]*(?:->[\w.]+)*\([^;{}]*\);$", r"\1;"),
    ("early-return", r"^(\s+)if \([^;{}]*\) return(?: [^;{}]*)?;$", r"\1;"),
]


@dataclass(frozen=True)
class Mutant:
    id: str
    file: str
    line: int  # from 0
    rule: str
    before: str
    after: str


def group_of(name):
    """The entry of TESTS that a file belongs to."""
    found = [folder for folder in TESTS if name.startswith(folder + "/")]
    return max(found, key=len) if found else None


def code_lines(text):
    """The numbers and texts of lines that may be changed: no comments, declarations of text, or preprocessor lines."""
    in_text = False
    for number, line in enumerate(text.split("\n")):
        raw = line.count('R"') > 0 or line.count(')"') > 0
        if 'R"' in line and ')"' not in line[line.index('R"') :]:
            in_text = True
            continue
        if in_text:
            in_text = ')"' not in line
            continue
        bare = line.strip()
        if raw or not bare or bare.startswith(("//", "#", "static_assert", "template", "case ", "using ")) or "operator" in bare:
            continue
        yield number, line


def outside_text(line, place):
    """Whether a place is outside of strings and comments."""
    before = line[:place]
    return before.count('"') % 2 == 0 and "//" not in before


def mutants_of(name, text):
    seen = Counter()
    for number, line in code_lines(text):
        for rule, pattern, replacement in RULES:
            for match in re.finditer(pattern, line):
                if not outside_text(line, match.start()):
                    continue
                after = line[: match.start()] + match.expand(replacement) + line[match.end() :]
                key = (name, line.strip(), rule)
                seen[key] += 1
                digest = hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:12]
                yield Mutant(digest, name, number, rule, line.strip(), after.strip() or ";")


def choose(count, only):
    """The mutants with the lowest ids, from each folder in proportion to its places."""
    by_group = defaultdict(list)
    listed = subprocess.run(["git", "ls-files", "*.cpp"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        group = group_of(name)
        if group:
            by_group[group].extend(mutants_of(name, (ROOT / name).read_text(encoding="utf-8")))
    total = sum(map(len, by_group.values()))
    chosen = []
    for group, places in sorted(by_group.items()):
        places.sort(key=lambda one: one.id)
        share = max(1, round(count * len(places) / total))
        chosen.extend(places[:share])
    return [one for one in chosen if not only or one.file.startswith(only)], total


def read_results():
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t")}


def write_results(results):
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    fresh = RESULTS.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(results.values(), key=lambda row: (row["file"], row["id"])))
    os.replace(fresh, RESULTS)


def print_summary(mutants, results):
    known = [results[one.id] for one in mutants if one.id in results]
    counts = Counter(row["verdict"] for row in known)
    excused = sum(1 for row in known if row["verdict"] == "survived" and row["reason"])
    tried = counts["killed"] + counts["survived"] - excused
    print(
        f"{len(known)} of {len(mutants)} tried: {counts['killed']} killed, {counts['survived']} survived, {excused} of them with a reason, "
        f"{counts['refused']} refused by the compiler" + (f"; {100 * counts['killed'] / tried:.1f} % of the others are killed" if tried else "")
    )
    for row in known:
        if row["verdict"] == "survived" and not row["reason"]:
            print(f"survived  {row['id']}  {row['file']}\n    {row['before']}\n    {row['after']}")


class Workshop:
    """The copy of the sources and its build."""

    def __init__(self):
        self.source = WORK / "source"
        self.build = WORK / "build"
        self.environment = dict(os.environ, CCACHE_BASEDIR=str(self.source), CCACHE_NOHASHDIR="1", CCACHE_DIR=str(WORK / "ccache"))

    def prepare(self, tests):
        self.source.mkdir(parents=True, exist_ok=True)
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
        wanted = {name for name in listed if name and (ROOT / name).is_file()}
        for old in self.source.rglob("*"):
            if old.is_file() and ".git" not in old.parts[len(self.source.parts) :] and str(old.relative_to(self.source)) not in wanted:
                old.unlink()
        for name in wanted:
            ours, copy = ROOT / name, self.source / name
            if not copy.exists() or copy.read_bytes() != ours.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ours, copy)
                os.utime(copy)
        if not (self.source / ".git").exists():
            self.call("git", "init", "--quiet", str(self.source))
        self.call(
            "cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DCTMS_API_PAGES=OFF",
            "-DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld", "-DCTMS_WARNINGS_AS_ERRORS=OFF",
        )  # fmt: skip
        if not self.make(sorted(tests)):
            sys.exit("the unchanged sources do not build")

    def call(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"failed: {' '.join(command)}\n{done.stdout}{done.stderr}")

    def make(self, tests):
        programs = [f"ctms_{name}_tests" for name in tests]
        if not {*tests} <= WITHOUT_PROGRAMS:
            programs += ["ctms-web", "ctms-sync", "ctms-admin", "fake-acoustic"]
        done = subprocess.run(["ninja", "-C", str(self.build), *programs], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            (WORK / "build.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        return done.returncode == 0

    def run(self, test, limit):
        """Runs a test program until its first failure. Returns the name of the failed test, "no end", or None."""
        data = WORK / "test-data"
        data.mkdir(exist_ok=True)
        environment = dict(self.environment, CTMS_TEST_DATA_DIR=str(data))
        program = next(self.build.rglob(f"ctms_{test}_tests"))
        with subprocess.Popen(
            [program, "--abort-after=1", "--no-colors=true"], cwd=program.parent, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        ) as process:  # fmt: skip
            try:
                output, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                return "no end"
            finally:
                try:
                    os.killpg(process.pid, signal.SIGKILL)  # also what it started
                except ProcessLookupError:
                    pass
        if process.returncode == 0:
            return None
        failed = re.findall(r"^TEST CASE:\s+(.*)$", output, re.MULTILINE)
        return failed[-1].strip() if failed else f"exit code {process.returncode}"

    def try_mutant(self, one, limits):
        place = self.source / one.file
        original = place.read_text(encoding="utf-8")
        lines = original.split("\n")
        indent = lines[one.line][: len(lines[one.line]) - len(lines[one.line].lstrip())]
        lines[one.line] = indent + one.after
        try:
            place.write_text("\n".join(lines), encoding="utf-8")
            tests = TESTS[group_of(one.file)]
            if not self.make(tests):
                return "refused", ""
            for test in tests:
                failed = self.run(test, limits[test])
                if failed and self.run(test, limits[test]):  # twice, because a busy machine may fail a test once
                    return "killed", f"{test}: {failed}"
            return "survived", ""
        finally:
            place.write_text(original, encoding="utf-8")


def measure_limits(shop, tests):
    """How long each test program may take: three times what it takes with unchanged sources."""
    limits = {}
    for test in sorted(tests):
        begun = time.monotonic()
        failed = shop.run(test, 1800)
        if failed:
            sys.exit(f"with unchanged sources, a test of {test} fails: {failed}")
        limits[test] = 30 + 3 * (time.monotonic() - begun)
        print(f"{test}: {time.monotonic() - begun:.0f} s", flush=True)
    return limits


def main():
    parser = argparse.ArgumentParser(prog="packaging/dev/mutate.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only files whose path begins with this")
    parser.add_argument("--minutes", type=float, default=0, help="begin no mutant after so many minutes")
    parser.add_argument("--list", action="store_true", help="print the chosen mutants and end")
    parser.add_argument("--summary", action="store_true", help="print what is known about them and end")
    parser.add_argument("--again", action="store_true", help="try those again that survived without a reason")
    parser.add_argument("--excuse", nargs=2, metavar=("ID", "REASON"), help="store why a survivor makes no difference, and end")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the tests of a mutant end, too

    results = read_results()
    if options.excuse:
        found = results.get(options.excuse[0])
        if not found or found["verdict"] != "survived":
            sys.exit("no mutant of this id has survived")
        found["reason"] = options.excuse[1]
        return write_results(results)
    mutants, total = choose(options.count, options.only)
    if options.list:
        for one in mutants:
            print(f"{one.id}  {one.file}:{one.line + 1}  {one.rule}\n    {one.before}\n    {one.after}")
        return print(f"{len(mutants)} of {total} places")
    if options.summary:
        return print_summary(mutants, results)
    left = [one for one in mutants if one.id not in results or (options.again and results[one.id]["verdict"] == "survived" and not results[one.id]["reason"])]
    if left:
        begun = time.monotonic()
        shop = Workshop()
        tests = {test for one in left for test in TESTS[group_of(one.file)]}
        shop.prepare(tests)
        limits = measure_limits(shop, tests)
        for number, one in enumerate(left, 1):
            if options.minutes and time.monotonic() - begun > 60 * options.minutes:
                print(f"{options.minutes:g} minutes are over")
                break
            verdict, by = shop.try_mutant(one, limits)
            results[one.id] = dict(zip(COLUMNS, [one.id, one.file, one.rule, one.before, one.after, verdict, by, ""]))
            write_results(results)
            print(f"{number}/{len(left)} {verdict:8} {one.file}:{one.line + 1} {one.rule} {by}", flush=True)
    print_summary(mutants, results)
    return None


if __name__ == "__main__":
    sys.exit(main())
