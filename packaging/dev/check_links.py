#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the relative links of all documents: the file and the heading must exist. Prints broken links."""
import os
import re
import subprocess
import sys


def text_of(document):
    """The text of a document without code blocks, in which brackets and # have other meanings."""
    with open(document, encoding="utf8") as file:
        return re.sub(r"^```.*?^```", "", file.read(), flags=re.S | re.M)


def anchor(heading):
    """The anchor that GitHub generates for a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
    return re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")


def problem(document, link):
    name, _, place = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(document), name)) if name else document
    if not os.path.exists(target):
        return "no such file"
    if place and target.endswith(".md") and place not in map(anchor, re.findall(r"^#+ (.*)", text_of(target), re.M)):
        return "no such heading"
    return None


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], check=True, text=True, stdout=subprocess.PIPE).stdout
documents = [name for name in listed.splitlines() if os.path.exists(name)]
links = [(name, link) for name in documents for link in re.findall(r"\]\(([^)\s]+)\)", text_of(name)) if not re.match(r"[a-z]+:", link)]
wrong = [f"{name}: {link}: {what}" for name, link in links if (what := problem(name, link))]
if len(links) < 50:
    wrong.append(f"only {len(links)} links were found in {len(documents)} documents")
print("\n".join(wrong) if wrong else f"{len(links)} links in {len(documents)} documents are valid")
sys.exit(1 if wrong else 0)
