#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks a port's vcpkg.json by the rules of vcpkg's documentation: the members that a manifest may have, the order in which
`vcpkg format-manifest` writes them, names, and the version, which must be that of the project. And checks that the manifest has all
libraries that CMake looks for.

    check_manifest.py FILE VERSION      ends with exit code 1 if something is wrong
    check_manifest.py --self-test       tries the rules on manifests with mistakes
"""

import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import needed  # noqa: E402

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MEMBERS = ["name", "version-semver", "port-version", "description", "homepage", "documentation", "license", "supports", "dependencies",
           "default-features", "features"]
MEMBERS_OF_DEPENDENCY = ["name", "host", "default-features", "features", "platform", "version>="]
MEMBERS_OF_FEATURE = ["description", "supports", "dependencies"]


def problems_of_members(what, members, allowed):
    """The members must be known, and in the order of `allowed`."""
    for name in members:
        if name not in allowed:
            yield f"{what}: unknown member '{name}'"
    known = [name for name in members if name in allowed]
    if known != sorted(known, key=allowed.index):
        yield f"{what}: the order must be {', '.join(sorted(known, key=allowed.index))}"


def problems_of_dependencies(what, dependencies):
    """Each is a name, or an object if it has more than a name; all are sorted by name, and none is there twice."""
    names = []
    for one in dependencies:
        name = one if isinstance(one, str) else one.get("name", "")
        names.append(name)
        if not NAME.fullmatch(name):
            yield f"{what}: '{name}' is no name of a port"
        if isinstance(one, dict):
            yield from problems_of_members(f"{what}: {name}", one, MEMBERS_OF_DEPENDENCY)
            if list(one) == ["name"]:
                yield f"{what}: {name} must be written as a string"
    if names != sorted(set(names)):
        yield f"{what}: dependencies are not sorted, or repeated"


def problems_of(text, version):
    try:
        manifest = json.loads(text)
    except json.JSONDecodeError as problem:
        yield str(problem)
        return
    if text != json.dumps(manifest, indent=2, ensure_ascii=False) + "\n":
        yield "the layout is not that of `vcpkg format-manifest`"
    yield from problems_of_members("manifest", manifest, MEMBERS)
    if not NAME.fullmatch(manifest.get("name", "")):
        yield "manifest: no name"
    if manifest.get("version-semver") != version:
        yield f"manifest: the version is {manifest.get('version-semver')}, but that of the project is {version}"
    if not manifest.get("description"):
        yield "manifest: no description"
    yield from problems_of_dependencies("manifest", manifest.get("dependencies", []))
    for name, feature in manifest.get("features", {}).items():
        if not NAME.fullmatch(name) or name in ("core", "default"):
            yield f"feature '{name}': not a name for a feature"
        yield from problems_of_members(f"feature {name}", feature, MEMBERS_OF_FEATURE)
        if not feature.get("description"):
            yield f"feature {name}: no description"
        yield from problems_of_dependencies(f"feature {name}", feature.get("dependencies", []))


def names_of(dependencies):
    return {one if isinstance(one, str) else one["name"] for one in dependencies}


def missing_ports(manifest):
    """What CMake looks for must be a dependency, of the library or of the feature with the programs."""
    library = names_of(manifest["dependencies"])
    programs = manifest["features"]["programs"]["dependencies"]
    for name in sorted(needed.ports(False) - library):
        yield f"manifest: '{name}' is not a dependency"
    for name in sorted(needed.ports(True) - library - names_of(programs)):
        yield f"feature programs: '{name}' is not a dependency"
    if not any(isinstance(one, dict) and one["name"] == "curl" and "ssh" in one.get("features", []) for one in programs):
        yield "feature programs: curl has no ssh, which ctms-sync needs for SFTP"


def self_test():
    good = {"name": "ctms", "version-semver": "1.2.3", "description": "text", "dependencies": ["a", {"name": "b", "host": True}],
            "features": {"more": {"description": "text"}}}
    mistakes = {
        "unknown member": {**good, "url": "x"},
        "the order must be": {"version-semver": "1.2.3", **{name: good[name] for name in good if name != "version-semver"}},
        "the version is": {**good, "version-semver": "1.2.4"},
        "not sorted": {**good, "dependencies": ["b", "a"]},
        "as a string": {**good, "dependencies": [{"name": "a"}]},
        "no name of a port": {**good, "dependencies": ["A_b"]},
        "not a name for a feature": {**good, "features": {"core": {"description": "text"}}},
        "feature more: no description": {**good, "features": {"more": {}}},
    }
    assert not list(problems_of(json.dumps(good, indent=2) + "\n", "1.2.3"))
    assert "layout" in next(problems_of(json.dumps(good), "1.2.3"))
    for expected, manifest in mistakes.items():
        found = list(problems_of(json.dumps(manifest, indent=2) + "\n", "1.2.3"))
        assert len(found) == 1 and expected in found[0], (expected, found)
    empty = {"dependencies": [], "features": {"programs": {"dependencies": []}}}
    assert "feature programs: 'curl' is not a dependency" in list(missing_ports(empty))
    text = "find_package(A 1 REQUIRED COMPONENTS b c) # d\nif(CTMS_BUILD_PROGRAMS)\n  pkg_check_modules(E REQUIRED f)\nendif()\n"
    assert needed.looked_for(False, text) == {"A b", "A c"}
    assert needed.looked_for(True, text) == {"A b", "A c", "f"}


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        self_test()
    else:
        with open(sys.argv[1], encoding="utf-8") as file:
            text = file.read()
        found = list(problems_of(text, sys.argv[2])) or list(missing_ports(json.loads(text)))
        print(*found, sep="\n", end="\n" if found else "")
        sys.exit(1 if found else 0)
