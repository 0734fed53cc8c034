#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks that the public headers mark what the shared library exports: CTMS_API on each class and function. Checks that each of them is in
a FILE_SET of CMake, without which it is not installed.

    packaging/dev/check_api.py                checks the tree; exit code 1 if a mark or a header is missing
    packaging/dev/check_api.py --self-test    checks examples and must find what is missing in them

Without the mark, the static library works but the shared one lacks the symbol. No mark is needed for definitions in the
header (inline functions, templates), enumerations, aliases, forward declarations, and members (their class has it).
"""

import re

import checks

MARK = "CTMS_API"
# Comments, string and character literals, and preprocessor lines: these are blanked out first.
IGNORED = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
NAMESPACE = re.compile(r"(inline\s+)?namespace\b")
TYPE = re.compile(r"(?:class|struct|union)\b")
UNMARKED = re.compile(r"(?:using|enum|static_assert|typedef|friend|concept|inline|constexpr|extern\s+template)\b")
ATTRIBUTES = re.compile(r"\s*\[\[.*?\]\]", re.S)
TEMPLATE = re.compile(r"\s*template\s*<")


def blank(text):
    return IGNORED.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def behind_template(head):
    """Where `template <...>` ends in a declaration; 0 if it is not a template."""
    match = TEMPLATE.match(head)
    if not match:
        return 0
    depth, at = 1, match.end()
    while depth and at < len(head):
        depth += {"<": 1, ">": -1}.get(head[at], 0)
        at += 1
    return at


def end_of_braces(text, at):
    depth = 0
    while at < len(text):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            return at
    return at


def declarations(text):
    """For each declaration of a namespace: where it begins, its text up to the body or semicolon, and whether it has a body."""
    begin, at, parentheses = 0, 0, 0
    while at < len(text):
        char = text[at]
        if char in "()":
            parentheses += 1 if char == "(" else -1
        elif parentheses:
            pass
        elif char == ";":
            yield begin, text[begin:at], False
            begin = at + 1
        elif char == "}":
            begin = at + 1
        elif char == "{":
            head = text[begin:at]
            if not NAMESPACE.match(head.strip()):
                yield begin, head, True
                at = end_of_braces(text, at) - 1
            begin = at + 1
        at += 1


def place_of_mark(head, has_body):
    """Where in a declaration the mark belongs, or None if it needs none."""
    at = behind_template(head)
    is_template = at > 0
    while match := ATTRIBUTES.match(head[at:]):
        at += match.end()
    at += len(head[at:]) - len(head[at:].lstrip())
    rest = head[at:]
    if not rest or UNMARKED.match(rest):
        return None
    match = TYPE.match(rest)
    if match:
        return at + match.end() if has_body and not is_template else None
    return None if has_body or "(" not in rest else at


def missing_marks(text):
    """Places in a header where a mark is missing: (offset, declaration on one line)."""
    text = blank(text)
    found = []
    for begin, head, has_body in declarations(text):
        place = place_of_mark(head, has_body)
        if place is not None and not re.search(rf"\b{MARK}\b", head):
            found.append((begin + place, " ".join(head.split())))
    return found


def not_installed(headers, lists):
    """The headers ("ctms/net/certificate.hpp") that no FILE_SET of the texts of CMakeLists.txt names."""
    named = set()
    for text in lists:
        for files in re.findall(r"\bFILE_SET\s+HEADERS\b([^)]*)", re.sub(r"#[^\n]*", "", text)):
            named |= set(re.findall(r"libctms/include/(\S+\.hpp)", files))
    return sorted(set(headers) - named)


def check():
    folder = checks.ROOT / "libctms/include"
    headers = [str(file.relative_to(folder)) for file in folder.rglob("*.hpp")]
    lists = [file.read_text(encoding="utf-8") for file in (checks.ROOT / "libctms").rglob("CMakeLists.txt")]
    found = [f"libctms/include/{name}: is in no FILE_SET, so it is not installed" for name in not_installed(headers, lists)]
    for file in sorted((checks.ROOT / "libctms/include").rglob("*.hpp")):
        text = file.read_text(encoding="utf-8")
        for offset, head in missing_marks(text):
            line = text.count("\n", 0, offset) + 1
            found.append(f"{file.relative_to(checks.ROOT)}:{line}: {MARK} is missing: {head}")
    return found, "every public class and function is marked, and every header is installed"


def self_test():
    # (declaration, number of missing marks)
    cases = [
        ("class a { void f(); };", 1),
        ("struct b : a { int i = 0; };", 1),
        ("class CTMS_API c { void f(); };", 0),
        ("class d;", 0),
        ("template <class T> struct e { T t; };", 0),
        ("template <class T> T f(T t) { return t; }", 0),
        ("template <class T> void g(T t);", 1),
        ("template <class T> CTMS_API void h(T t);", 0),
        ("[[nodiscard]] int i(int a = {});", 1),
        ("[[nodiscard]] CTMS_API int j();\nvoid k(const char* = \"CTMS_API\"); // CTMS_API", 1),
        ("inline int l() { return 1; }\ninline constexpr int m{1};", 0),
        ("enum class n { one, two };\nusing o = std::function<void(int)>;", 0),
        ("}\nnamespace q::r {\nvoid s();\nclass t {};", 2),
        ("CTMS_API void u(const t& = {});\nclass v {};", 1),
        ("#define W class w { };\nextern CTMS_API int x;", 0),
    ]
    failures = []
    for declaration, expected in cases:
        found = missing_marks(f"#pragma once\nnamespace ctms {{\n{declaration}\n}} // namespace ctms\n")
        if len(found) != expected:
            failures.append(f"{declaration!r}: {len(found)} missing marks instead of {expected}")
    names = ["ctms/a.hpp", "ctms/b.hpp", "ctms/c.hpp", "ctms/d.hpp"]
    lists = ["target_sources(ctms PRIVATE a.cpp\n  PUBLIC FILE_SET HEADERS FILES\n    ${PROJECT_SOURCE_DIR}/libctms/include/ctms/a.hpp)",
             "target_sources(ctms PUBLIC FILE_SET HEADERS FILES ${D}/libctms/include/ctms/b.hpp\n  # ${D}/libctms/include/ctms/c.hpp\n)",
             "install(FILES ${D}/libctms/include/ctms/d.hpp)"]
    if (missing := not_installed(names, lists)) != ["ctms/c.hpp", "ctms/d.hpp"]:
        failures.append(f"headers that are not installed: {missing}")
    return len(cases) + 1, failures


if __name__ == "__main__":
    checks.run("Exports", __doc__, check, self_test)
