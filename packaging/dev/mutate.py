#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Changes the code in small ways and checks that a test notices each change.

A mutant is one change of one line: another comparison, a negated condition, a call that is left out. The mutants are chosen by rule. Each
folder has a share in proportion to the places that a rule matches. Its files are taken in the order of a hash of their names, and of each
file the places with the lowest ids, up to eight, one of a line. An id is a hash of the file, the line's text and the rule. So the choice stays
the same until the code changes.

One build, in build/mutants, has all mutants. A file that all processes of a test share says which of them is switched on, and notes which of
them are reached. First every test runs once, with all mutants switched off, which tells the mutants that it reaches
(build/mutants/reached.json; remove this file after a change of tests that exist). Then, for each mutant, the tests that reach it run until
one fails: short tests that reach few mutants come first, and no test begins after --seconds of tests. The results go to a file after each
mutant, so a run can be stopped and continued. A mutant is

  killed     a test failed or did not end in time, twice, and passed in between with the mutant switched off
  refused    the compiler did not take it
  survived   all tests passed: a new test is needed, or a reason why the change makes no difference (--excuse)
"""

import argparse
import csv
import hashlib
import json
import mmap
import os
import queue
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutants"
RESULTS = ROOT / "tests" / "mutation" / "results.tsv"
COLUMNS = ["id", "file", "rule", "before", "after", "verdict", "by", "reason"]
FOLDERS = re.compile(r"(libctms/src/\w+|apps/\w+|cli)/")  # what is changed; each folder has its share of the mutants
TARGETS = [f"ctms_{name}_tests" for name in ("unit", "net", "db", "service", "http", "cli", "sync", "sync_process", "webhook", "webhook_process")]
MOST = 1000  # mutants
MOST_OF_FILE = 8  # mutants: a file is compiled once for all of them

# Included by each changed file. The number of the mutant that is switched on is at the beginning of the board.
HEADER = """\
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#pragma GCC diagnostic ignored "-Wparentheses"
#pragma GCC diagnostic ignored "-Wtype-limits"
inline bool ctms_mutant(int number) noexcept {
    static volatile int* const board = [] {
        static volatile int none[@MOST@ + 1];
        const int file = ::open("@BOARD@", O_RDWR | O_CLOEXEC);
        if (file < 0) return &none[0];
        void* const place = ::mmap(nullptr, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        ::close(file);
        return place == MAP_FAILED ? &none[0] : static_cast<volatile int*>(place);
    }();
    board[number] = 1;
    return *board == number;
}
"""

# Rules for a condition or a value: a name, a pattern, and what replaces it.
RULES = [
    ("less", r"(?<=[\w)\]]) < (?=[\w(])", " <= "),
    ("less-equal", r"(?<=[\w)\]]) <= (?=[\w(])", " < "),
    ("greater", r"(?<=[\w)\]]) > (?=[\w(])", " >= "),
    ("greater-equal", r"(?<=[\w)\]]) >= (?=[\w(])", " > "),
    ("equal", r" == ", " != "),
    ("not-equal", r" != ", " == "),
    ("and", r" && ", " || "),
    ("or", r" \|\| ", " && "),
    ("plus-one", r" \+ 1\b", ""),
    ("minus-one", r" - 1\b", ""),
]


@dataclass(frozen=True)
class Mutant:
    id: str
    file: str
    line: int  # from 0
    rule: str
    before: str
    after: str
    switched: str  # the line that is one or the other; ctms_mutant(@) stands for ctms_mutant(NUMBER)


def split(text):
    """The parts of a text between semicolons that are outside of parentheses and strings."""
    parts, depth, quoted = [""], 0, False
    for place, character in enumerate(text):
        if character == '"' and text[place - 1 : place] != "\\":
            quoted = not quoted
        if not quoted:
            depth += (character in "([{") - (character in ")]}")
        if character == ";" and not quoted and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts if depth == 0 and not quoted else []


def closing(text, place):
    """The place of the parenthesis that closes the one at a place, or None."""
    depth, quoted = 0, False
    for at in range(place, len(text)):
        if text[at] == '"' and text[at - 1] != "\\":
            quoted = not quoted
        if not quoted:
            depth += (text[at] in "([{") - (text[at] in ")]}")
            if depth == 0:
                return at
    return None


def condition_of(line):
    """Of a line with if, while or for: the text before the condition, the condition, and the text after it. A variable that is declared in
    the condition is tested in a part of its own."""
    head = re.match(r"\s*(?:\} else )?(if|while|for) \(", line)
    end = closing(line, head.end() - 1) if head else None
    parts = split(line[head.end() : end]) if end else []
    if not parts or (head[1] == "for") != (len(parts) == 3):
        return None
    index = 1 if head[1] == "for" else len(parts) - 1
    declared = re.match(r"\s*(?:const )?[\w:<>]+[*&]* (\w+) = ", parts[index])
    if declared and head[1] == "if":
        parts.append(" " + declared[1])
        index += 1
    elif declared:
        return None
    before = line[: head.end()] + "".join(part + ";" for part in parts[:index])
    after = "".join(";" + part for part in parts[index + 1 :]) + line[end:]
    lead = " " if parts[index].startswith(" ") else ""
    return before + lead, parts[index].strip(), after


def values_of(line):
    """The values that a line returns or assigns: for each, the text before it, the value, and the text after it."""
    patterns = (r"\breturn ([^;{}]+)(?=;)", r"^\s*(?:(?:const )?[\w:<>]+\*? )?[\w.]+ [+-]?= ([^;{}]+)(?=;$)")
    for pattern in patterns:
        for match in re.finditer(pattern, line):
            if split(match[1]) and not re.search(r"\[[&=]", match[1]) and line[: match.start()].count('"') % 2 == 0:
                yield line[: match.start(1)], match[1], line[match.end(1) :]


def changes_of(line):
    """Changes of a line: the rule, the line before and after, and the line that is one or the other."""

    def inside(before, text, after, cast):
        for rule, pattern, replacement in RULES if "co_await" not in text else ():
            for match in re.finditer(pattern, text):
                if text[: match.start()].count('"') % 2 == 0:
                    changed = text[: match.start()] + replacement + text[match.end() :]
                    one_or_other = f"(ctms_mutant(@) ? {cast}({changed}) : {cast}({text}))"
                    yield rule, before + text + after, before + changed + after, before + one_or_other + after

    condition = condition_of(line)
    if condition:
        before, text, after = condition
        yield from inside(before, text, after, "static_cast<bool>")
        if text and "if (" in before:
            yield "condition", before + text + after, f"{before}!({text}){after}", f"{before}ctms_mutant(@) != static_cast<bool>({text}){after}"
            if re.match(r"\) return\b[^;{}]*;$", after):
                yield "early-return", before + text + after, ";", f"{before}!ctms_mutant(@) && ({text}){after}"
    for before, text, after in values_of(line):
        if text in ("true", "false"):
            other = "false" if text == "true" else "true"
            yield text, before + text + after, before + other + after, f"{before}ctms_mutant(@) != {text}{after}"
        yield from inside(before, text, after, "")
    call = re.match(r"(\s+)((?:\(void\))?[a-z][\w:]*(?:(?:\.|->)\w+)*\([^;{}]*\);)$", line)
    if call and split(call[2]) and not call[2].startswith("return"):
        yield "call", line, ";", f"{call[1]}{{ if (!ctms_mutant(@)) {call[2]} }}"


def code_lines(text):
    """The numbers and texts of lines that begin a statement, outside of raw strings."""
    in_text, begins = False, False
    for number, line in enumerate(text.split("\n")):
        bare = line.strip()
        if in_text:
            in_text = ')"' not in line and not re.search(r'\)\w*"', line)
        elif 'R"' in line:
            in_text = not re.search(r'\)\w*"', line[line.index('R"') :])
        elif begins and bare and not bare.startswith(("//", "#", "static", "template", "using ")) and "//" not in bare and "constexpr" not in bare:
            yield number, line
        if bare and not bare.startswith(("//", "#")):
            code = re.sub(r"\s*//.*", "", bare)
            begins = not in_text and code.endswith((";", "{", "}", ":", "else")) or bool(re.match(r"(?:\} else )?(?:if|for|while) \(.*\)$", code))


def mutants_of(name, text):
    seen = Counter()
    for number, line in code_lines(text):
        for rule, before, after, switched in changes_of(line):
            key = (name, before.strip(), rule)
            seen[key] += 1
            digest = hashlib.sha256("\0".join((*key, str(seen[key]))).encode()).hexdigest()[:12]
            yield Mutant(digest, name, number, rule, before.strip(), after.strip(), switched)


def tracked():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in listed if name and (ROOT / name).is_file()]


def choose(count):
    """The chosen mutants, and the number of places."""
    by_folder = defaultdict(dict)
    for name in tracked():
        folder = FOLDERS.match(name)
        if folder and name.endswith(".cpp"):
            by_folder[folder[1]][name] = list(mutants_of(name, (ROOT / name).read_text(encoding="utf-8")))
    total = sum(len(places) for files in by_folder.values() for places in files.values())
    chosen = []
    for _, files in sorted(by_folder.items()):
        share = max(1, round(count * sum(map(len, files.values())) / total))
        for name in sorted(files, key=lambda name: hashlib.sha256(name.encode()).digest()):
            lines = {}
            for one in sorted(files[name], key=lambda one: one.id):
                lines.setdefault(one.line, one)
            taken = list(lines.values())[: min(MOST_OF_FILE, share)]
            chosen.extend(taken)
            share -= len(taken)
    return chosen, total


def read_results():
    if not RESULTS.exists():
        return {}
    with RESULTS.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


def write_results(results):
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    fresh = RESULTS.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
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
    places = {one.id: one.line + 1 for one in mutants}
    for row in known:
        if row["verdict"] == "survived" and not row["reason"]:
            print(f"survived  {row['id']}  {row['file']}:{places[row['id']]}  {row['by']}\n    {row['before']}\n    {row['after']}")


def kill_group(process):
    """Ends a test and what it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Board:
    """The file that tells all processes of a test which mutant is switched on, and which are reached."""

    def __init__(self, path):
        self.path = path
        self.size = struct.calcsize("i") * (MOST + 1)
        path.write_bytes(bytes(self.size))
        path.chmod(0o666)
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), self.size)

    def switch_on(self, number):
        self.memory[:] = struct.pack("i", number) + bytes(self.size - struct.calcsize("i"))

    def reached(self):
        return [number for number, is_set in enumerate(struct.unpack(f"{MOST + 1}i", self.memory)) if number and is_set]


class Workshop:
    """The copy of the sources with all mutants, its build and its tests."""

    def __init__(self, mutants, jobs):
        self.source = WORK / "source"
        self.build = self.source / "build" / "release"
        self.environment = dict(os.environ, CCACHE_BASEDIR=str(self.source), CCACHE_NOHASHDIR="1")
        self.source.mkdir(parents=True, exist_ok=True)
        self.boards = queue.Queue()  # those that no test uses; one for each test that runs at a time
        for job in range(jobs):
            self.boards.put(Board(WORK / ("board" if jobs == 1 else f"board.{job}")))
        if jobs > 1:
            Board(WORK / "board")  # for programs that run outside of a test
        self.needs_mounts = jobs > 1
        self.running = set()  # tests
        self.stopped = False
        self.numbers = {one.id: number for number, one in enumerate(mutants, 1)}
        self.refused = set()
        self.tests = {}  # the command, environment and folder of each test, by name
        self.reached = {}  # of each test that passes with all mutants switched off: its seconds, and the ids of the mutants that it reaches

    def write_sources(self, mutants):
        by_file = defaultdict(list)
        for one in mutants:
            if one.id not in self.refused:
                by_file[one.file].append(one)
        header = HEADER.replace("@BOARD@", str(WORK / "board")).replace("@MOST@", str(MOST))
        wanted = {"mutant.hpp": header.encode()}
        for name in tracked():
            text = (ROOT / name).read_bytes()
            if name in by_file:
                lines = text.decode().split("\n")
                for one in by_file[name]:
                    lines[one.line] = one.switched.replace("ctms_mutant(@)", f"ctms_mutant({self.numbers[one.id]})")
                text = f'#include "{self.source}/mutant.hpp"\n#line 1\n{chr(10).join(lines)}'.encode()
            wanted[name] = text
        for old in self.source.rglob("*"):
            name = str(old.relative_to(self.source))
            if old.is_file() and name not in wanted and not name.startswith("build/"):
                old.unlink()
        for name, text in wanted.items():
            copy = self.source / name
            if not copy.exists() or copy.read_bytes() != text:
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(text)
                copy.chmod(0o755 if text.startswith(b"#!") else 0o644)

    def call(self, *command):
        return subprocess.run(command, cwd=self.source, env=self.environment, capture_output=True, text=True, check=False)

    def make(self, mutants):
        """Builds the programs and the tests, without the mutants that the compiler refuses."""
        while True:
            self.write_sources(mutants)
            done = self.call("cmake", "--preset", "release", "-DCTMS_API_PAGES=OFF")
            if done.returncode == 0:
                done = self.call("ninja", "-C", str(self.build), "-j", str(os.cpu_count()), "-k0", *TARGETS)
            if done.returncode == 0:
                return
            text = done.stdout + done.stderr
            wrong = set()
            for name in {one.file for one in mutants}:
                lines = {int(line) for line in re.findall(re.escape(name) + r":(\d+):\d+: error:", text)}
                here = [one for one in mutants if one.file == name and one.id not in self.refused]
                wrong |= {one.id for one in here if one.line + 1 in lines} or {one.id for one in here if lines}
            if not wrong:
                sys.exit(f"the sources do not build:\n{text[-4000:]}")
            self.refused |= wrong

    def read_tests(self, wanted):
        done = self.call("ctest", "--test-dir", str(self.build), "-LE", "^(long|bench|runner|fuzz|example)$", "--show-only=json-v1")
        for one in json.loads(done.stdout)["tests"]:
            properties = {each["name"]: each["value"] for each in one.get("properties", [])}
            if "command" in one and "DISABLED" not in properties and re.search(wanted, one["name"]):
                added = dict(pair.split("=", 1) for pair in properties.get("ENVIRONMENT", []))
                self.tests[one["name"]] = (one["command"], {**self.environment, **added}, properties["WORKING_DIRECTORY"])

    def passes(self, board, name, number, limit):
        """Runs a test with a mutant switched on, or with none (0). Whether it passes in time."""
        command, environment, folder = self.tests[name]
        if self.needs_mounts:
            # The programs open the same path, where each test sees its own board. Each board has its own PostgreSQL.
            mount = 'mount --bind "$0" "$1" && shift && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", mount, str(board.path), str(WORK / "board"), *command]
            environment = {**environment, "CTMS_TEST_DATA_DIR": f"{self.build}/test-data-{board.path.suffix[1:]}"}
        board.switch_on(number)
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            self.running.add(process)
            try:
                passed = process.wait(timeout=limit) == 0
            except subprocess.TimeoutExpired:
                passed = False
            finally:
                self.running.discard(process)
                kill_group(process)
        if self.stopped:
            raise InterruptedError
        return passed

    def measure(self, digest):
        """Runs each test once that did not run yet with these mutants."""
        kept = WORK / "reached.json"
        known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        if known.get("digest") == digest:
            self.reached = known["tests"]
        ids = {number: one for one, number in self.numbers.items()}
        lock = threading.Lock()

        def run(board, name):
            begun = time.monotonic()
            passed = self.passes(board, name, 0, 300)
            with lock:
                if not passed:
                    return print(f"left out, because it fails with all mutants switched off: {name}", flush=True)
                self.reached[name] = [round(time.monotonic() - begun, 3), [ids[number] for number in board.reached()]]
                return kept.write_text(json.dumps({"digest": digest, "tests": self.reached}), encoding="utf-8")
        for _ in self.each(run, [name for name in self.tests if name not in self.reached]):
            pass

    def each(self, act, items, goes_on=lambda: True):
        """Calls `act(board, item)` for the items, as many at a time as there are boards, and yields each item with its result when it is
        there."""
        def on_a_board(item):
            if not goes_on():
                return None
            board = self.boards.get()
            try:
                return act(board, item)
            finally:
                self.boards.put(board)
        with ThreadPoolExecutor(self.boards.qsize()) as pool:
            running = {pool.submit(on_a_board, item): item for item in items}
            try:
                for one in as_completed(running):
                    yield running[one], one.result()
            except BaseException:  # Ctrl-C and SIGTERM, too
                self.stopped = True
                pool.shutdown(wait=False, cancel_futures=True)
                for process in list(self.running):
                    kill_group(process)
                raise

    def try_mutant(self, board, one, seconds):
        if one.id in self.refused:
            return "refused", ""
        number = self.numbers[one.id]
        reaching = [(took, len(reached), name) for name, (took, reached) in self.reached.items() if name in self.tests and one.id in reached]
        reaching.sort(key=lambda each: (each[0] * each[1], each[2]))
        ran = 0
        for took, _, name in reaching:
            if seconds <= 0:
                break
            seconds -= took
            ran += 1
            limit = 20 + 5 * took
            # Three times, because a busy machine may fail a test once.
            if not self.passes(board, name, number, limit) and self.passes(board, name, 0, limit) and not self.passes(board, name, number, limit):
                return "killed", name
        return "survived", f"{ran} of {len(reaching)} tests"


def main():
    parser = argparse.ArgumentParser(prog="packaging/dev/mutate.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="how many mutants (200)")
    parser.add_argument("--only", default="", metavar="PREFIX", help="try only mutants whose id or file begins with this")
    parser.add_argument("--seconds", type=float, default=90, help="how many seconds of tests to run for each mutant (90)")
    parser.add_argument("--tests", default="", metavar="REGEX", help="run only tests whose names match; try the survivors --again with others")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants to try at a time (1); more than one needs root, for mounts")
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
    chosen, total = choose(min(options.count, MOST))
    mutants = [one for one in chosen if one.id.startswith(options.only) or one.file.startswith(options.only)]
    if options.list:
        for one in mutants:
            print(f"{one.id}  {one.file}:{one.line + 1}  {one.rule}\n    {one.before}\n    {one.after}")
        return print(f"{len(mutants)} of {total} places")
    if options.summary:
        return print_summary(mutants, results)
    again = {one for one, row in results.items() if options.again and row["verdict"] == "survived" and not row["reason"]}
    left = [one for one in mutants if one.id not in results or one.id in again]
    if left:
        results = {one.id: results[one.id] for one in chosen if one.id in results}
        begun = time.monotonic()
        shop = Workshop(chosen, max(1, options.jobs))
        shop.refused = {one for one, row in results.items() if row["verdict"] == "refused"}
        shop.make(chosen)
        shop.read_tests(options.tests)
        shop.measure(hashlib.sha256(repr(chosen).encode()).hexdigest())
        done = 0
        tried = shop.each(lambda board, one: shop.try_mutant(board, one, options.seconds), left,
                          lambda: not options.minutes or time.monotonic() - begun < 60 * options.minutes)
        for one, outcome in tried:
            if outcome is None:
                continue
            verdict, by = outcome
            done += 1
            results[one.id] = dict(zip(COLUMNS, [one.id, one.file, one.rule, one.before, one.after, verdict, by, ""]))
            write_results(results)
            print(f"{done}/{len(left)} {verdict:8} {one.file}:{one.line + 1} {one.rule} {by}", flush=True)
    print_summary(mutants, results)
    return None


if __name__ == "__main__":
    sys.exit(main())
