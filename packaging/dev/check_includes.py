#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Keeps headers cheap to include. It counts includes instead of measuring time, so the result does not depend on the machine.

    packaging/dev/check_includes.py                        checks the tree; lists the faults and ends with exit code 1 if there are any
    packaging/dev/check_includes.py --installed DIRECTORY  checks the installed public headers in a directory
    packaging/dev/check_includes.py --list                 prints the counts of the public headers, highest first
    packaging/dev/check_includes.py --self-test            checks example headers and includes

A public header of libctms must not include any header of another library, directly or indirectly, and at most MOST_STANDARD
files of the standard library. Headers of the tests, the programs and the library's sources must not include headers that
pull in a whole library (WIDE) if a narrower one suffices. CXX names the compiler (default: g++).
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import checks

COMPILER = os.environ.get("CXX", "g++")


def most_standard():
    """The limit in files. Currently the highest is service/sync.hpp, with 285 of g++ 12 and 317 of g++ 14, whose headers are in more files."""
    version = subprocess.run([COMPILER, "-dumpversion"], check=True, capture_output=True, text=True).stdout
    return 300 if int(version.split(".")[0]) <= 12 else 330


MOST_STANDARD = most_standard()

# Headers that include a whole library, and what to include instead.
WIDE = {
    "boost/asio.hpp": "the header of the class",
    "boost/beast.hpp": "the header of the class",
    "boost/beast/http.hpp": "the header of the class",
    "boost/beast/core.hpp": "the header of the class",
    "boost/json.hpp": "boost/json/value.hpp, parse.hpp, serialize.hpp",
    "fmt/format.h": "fmt/core.h, unless the header uses fmt::join, fmt::to_string or formatters",
    "pqxx/pqxx": "the header of the class",
    "iostream": "ostream or iosfwd",
    "regex": "a source",
}

PUBLIC = "libctms/include"
INCLUDE = re.compile(r"^\s*#\s*include\s*[<\"]([^>\"]+)[>\"]", re.M)


def headers_of(folder):
    listed = subprocess.run(["git", "ls-files", f"{folder}/*.hpp"], cwd=checks.ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def included_by(header, root=PUBLIC):
    """All files that a header includes, without the header itself."""
    command = [COMPILER, "-std=c++20", "-M", "-I", root, "-x", "c++", header]
    listed = subprocess.run(command, cwd=checks.ROOT, capture_output=True, text=True, check=True)
    files = [os.path.normpath(name) for name in listed.stdout.replace("\\\n", " ").split()[1:]]
    return [name for name in files if name != header]


def kind_of(name, root=PUBLIC):
    """The origin of a header: "own", "standard" (including the compiler's and the system's), or "other"."""
    if name.startswith(os.path.normpath(root) + "/"):
        return "own"
    if re.match(r"/usr/include/(c\+\+|[^/]*-linux-gnu[^/]*|linux|asm-generic|x86_64[^/]*|bits|sys)/|/usr/lib/", name):
        return "standard"
    return "standard" if re.fullmatch(r"/usr/include/[a-z0-9_-]+\.h", name) else "other"


def count(header, root=PUBLIC):
    kinds = [(kind_of(name, root), name) for name in included_by(header, root)]
    others = [name for kind, name in kinds if kind == "other"]
    return header, sum(kind == "standard" for kind, _ in kinds), others


def count_all(headers, root=PUBLIC):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda header: count(header, root), headers))


def public_faults(counts):
    for header, standard, others in counts:
        if others:
            yield f"{header}: includes {len(others)} headers of other libraries, the first is {others[0]}"
        if standard > MOST_STANDARD:
            yield f"{header}: includes {standard} files of the standard library, at most {MOST_STANDARD} are allowed"


def wide_faults():
    for header in [name for folder in ("libctms", "apps", "cli", "tests") for name in headers_of(folder)]:
        found = INCLUDE.findall((checks.ROOT / header).read_text(encoding="utf-8"))
        for name in found:
            if name in WIDE:
                yield f"{header}: includes <{name}>; include {WIDE[name]}"


def check_installed(root):
    """Checks the headers that an installation has. They may be anywhere, as long as that is not in the system's directories."""
    root = os.path.abspath(root)
    headers = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in sorted(names) if name.endswith(".hpp")]
    faults = list(public_faults(count_all(headers, root)))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not headers:
        print(f"{root} contains no headers", file=sys.stderr)
    return 1 if faults or not headers else 0


def self_test():
    cases = [
        (kind_of("libctms/include/ctms/base/result.hpp"), "own"),
        (kind_of("/opt/ctms/include/ctms/base/result.hpp", "/opt/ctms/include"), "own"),
        (kind_of("/opt/other/include/other.hpp", "/opt/ctms/include"), "other"),
        (kind_of("/usr/include/c++/12/vector"), "standard"),
        (kind_of("/usr/include/x86_64-linux-gnu/bits/types.h"), "standard"),
        (kind_of("/usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h"), "standard"),
        (kind_of("/usr/include/time.h"), "standard"),
        (kind_of("/usr/include/boost/system/result.hpp"), "other"),
        (kind_of("/usr/include/pqxx/result.hxx"), "other"),
        (list(public_faults([("a.hpp", MOST_STANDARD, [])])), []),
        (len(list(public_faults([("a.hpp", MOST_STANDARD + 1, ["/usr/include/boost/config.hpp"])]))), 2),
        (INCLUDE.findall('  #  include <fmt/format.h>\n// #include <regex>\n#include "a.hpp"\n'), ["fmt/format.h", "a.hpp"]),
    ]
    return len(cases), [f"{found!r} instead of {wanted!r}" for found, wanted in cases if found != wanted]


def check():
    counts = count_all(headers_of(PUBLIC))
    well = f"{len(counts)} public headers, each with at most {MOST_STANDARD} standard headers and no others"
    return [*public_faults(counts), *wide_faults()], well


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for header, standard, others in sorted(count_all(headers_of(PUBLIC)), key=lambda one: -one[1]):
            print(f"{standard:4} standard, {len(others):3} other  {header}")
    elif sys.argv[1:2] == ["--installed"] and len(sys.argv) == 3:
        sys.exit(check_installed(sys.argv[2]))
    else:
        checks.run("Includes", __doc__, check, self_test)
