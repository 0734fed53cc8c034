#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks that includes point only downwards through the layers of libctms (docs/architecture.md).

    packaging/dev/check_layers.py                checks the tree; exit code 1 if a rule is broken
    packaging/dev/check_layers.py --self-test    creates violations in a temporary tree and must find each of them

There is intentionally no list of exceptions: move the code or change the table. Tests may include anything.
"""

import pathlib
import re
import tempfile

import checks

# A layer is a folder under libctms/include/ctms and libctms/src. It may include itself and the listed layers.
LAYERS = {
    "base": [],
    "model": ["base"],
    "privacy": ["base"],
    "mozlog": ["privacy", "base"],
    "fields": ["model", "base"],
    "json": ["fields", "model", "base"],
    "metrics": ["model", "base"],
    "net": ["metrics", "mozlog", "base"],
    "persistence": ["net", "model", "fields", "json", "metrics", "mozlog", "privacy", "base"],
    "acoustic": ["net", "model", "fields", "json", "metrics", "mozlog", "privacy", "base"],
    "auth": ["net", "model", "json", "metrics", "mozlog", "privacy", "base"],
    "webhook": ["auth", "net", "model", "json", "metrics", "mozlog", "privacy", "base"],
    "service": ["persistence", "acoustic", "webhook", "auth", "json", "model", "metrics", "mozlog", "privacy", "base"],
}

# The rooms of a layer that has folders inside. A private file of a room may include its room and these.
ROOMS = {
    "persistence": {
        "postgres": [],
        "migrations": ["postgres"],
        "embedded": ["postgres"],
        "clients": ["postgres"],
        "sync": ["postgres"],
        "contacts": ["sync", "postgres"],
        "stripe": ["sync", "postgres"],
        "webhooks": ["postgres"],
    },
}

# Programs may include the public headers of every layer except for repositories, their own headers, and those of the listed folders.
PROGRAMS = {
    "apps/support": [],
    "apps/web": ["apps/support"],
    "apps/sync": ["apps/support"],
    "cli": ["apps/support"],
    "examples": [],
}

# The headers of persistence that open a database, prepare its schema, and run the embedded server. The others are repositories: programs
# reach them only through service, whose public headers do not include them either.
OPENS_DATABASE = {f"libctms/include/ctms/persistence/{name}.hpp" for name in ("database", "migrations", "grants", "embedded_postgres")}

# Third-party headers, by the beginning of their names, and the only folders that may include them.
LIBRARIES = {
    "pqxx/": ["libctms/src/persistence/postgres"],
    "libpq": ["libctms/src/persistence/postgres"],
    "boost/beast": ["apps", "libctms/src/net"],
    "boost/asio": ["apps", "libctms/src/net"],
    "boost/json": ["libctms/src/json", "libctms/src/mozlog", "libctms/src/acoustic", "apps", "cli"],
    "openssl/": ["libctms/src/net", "libctms/src/auth", "apps/support/http"],
    "argon2.h": ["libctms/src/auth"],
    "prometheus/": ["apps"],
    "pugixml.hpp": ["libctms/src/acoustic"],
    "curl/": ["apps/sync"],
}

# The Boost headers that base may include, in sources only.
BASE_BOOST = ("boost/assert/", "boost/throw_exception.hpp")

CHECKED = ["libctms", "apps", "cli", "examples"]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def inside(path, folder):
    return path == folder or path.startswith(folder + "/")


def layer_of(path):
    """The layer that a file of libctms belongs to, or None."""
    for root in ("libctms/include/ctms/", "libctms/src/"):
        if path.startswith(root) and "/" in path[len(root):]:
            return path[len(root):].split("/")[0]
    return None


def room_of(path):
    """The room that a private file of a layer with rooms belongs to, or None."""
    parts = path.split("/")
    if parts[:2] == ["libctms", "src"] and len(parts) > 4 and parts[2] in ROOMS:
        return parts[3]
    return None


def check_rooms(layer, source, target):
    """Why a private file of a layer may not include another one of the same layer, or None."""
    if layer not in ROOMS or not inside(source, "libctms/src"):
        return None
    room, target_room = room_of(source), room_of(target)
    if room not in ROOMS[layer]:
        return f"a file of {layer} belongs in one of its rooms: {', '.join(ROOMS[layer])}"
    if target_room is not None and target_room != room and target_room not in ROOMS[layer][room]:
        return f"{room} may not include {target_room}; it may include {', '.join(ROOMS[layer][room]) or 'no other room'}"
    return None


def program_of(path):
    for folder in PROGRAMS:
        if inside(path, folder):
            return folder
    return None


def resolve(tree, source, kind, name):
    """The included file as a path in the tree, or None if it is not a file of the project."""
    program = program_of(source)
    roots = [pathlib.PurePosixPath(source).parent.as_posix()] if kind == '"' else []
    roots += [program, *PROGRAMS[program]] if program else []
    roots += ["libctms/include", "libctms/src", *PROGRAMS, "apps", ""]
    for root in roots:
        found = (tree / root / name).resolve()
        if found.is_file() and found.is_relative_to(tree):
            return found.relative_to(tree).as_posix()
    return None


def is_above_service(source):
    """True for programs, and for public headers of service, which programs include."""
    return program_of(source) is not None or inside(source, "libctms/include/ctms/service")


def check_ours(source, target):
    """Why a file may not include another file of the project, or None."""
    layer, target_layer = layer_of(source), layer_of(target)
    if target_layer == "persistence" and target not in OPENS_DATABASE and is_above_service(source) and inside(target, "libctms/include"):
        return "only the sources of service may include a repository; use or add a use case in service"
    if layer is not None:
        if target_layer is None:
            if inside(target, "libctms"):
                return None
            return f"libctms may not include {target.split('/')[0]}/"
        if layer not in LAYERS:
            return f"'{layer}' is not a layer; add it to the table in packaging/dev/check_layers.py"
        if target_layer not in LAYERS:
            return f"'{target_layer}' is not a layer"
        if target_layer != layer and target_layer not in LAYERS[layer]:
            return f"{layer} may not include {target_layer}; it may include {', '.join(LAYERS[layer]) or 'no other layer'}"
        if inside(source, "libctms/include") and inside(target, "libctms/src"):
            return f"a public header may not include the private {target}"
        return check_rooms(layer, source, target) if layer == target_layer else None
    if inside(target, "libctms/src"):
        return f"{target} is private to libctms"
    program, target_program = program_of(source), program_of(target)
    if program and target_program and target_program != program and target_program not in PROGRAMS[program]:
        return f"{program} may not include {target_program}"
    return None


def check_library(source, name):
    """Why a file may not include a third-party header, or None."""
    for beginning, folders in LIBRARIES.items():
        if name.startswith(beginning) and not any(inside(source, folder) for folder in folders):
            return f"{beginning.rstrip('/')} may be included only in {', '.join(folders)}"
    if layer_of(source) == "base" and name.startswith("boost/") and not (source.endswith(".cpp") and name.startswith(BASE_BOOST)):
        return "base may include from Boost only the headers for throwing with a location, and only in sources"
    return None


def check_include(tree, source, kind, name):
    if name.startswith("ctms/"):
        target = "libctms/include/" + name
        if layer_of(target) is None:
            return "headers belong in a folder of include/ctms"
        return check_ours(source, target)
    target = resolve(tree, source, kind, name)
    if target is not None:
        return check_ours(source, target)
    first = name.split("/")[0]
    if kind == '"' and "/" in name and first in LAYERS:  # generated during the build, or missing: check it by its name
        return check_ours(source, "libctms/src/" + name)
    return check_library(source, name)


def check_tree(tree):
    """All broken rules, as (path, line, include, reason)."""
    tree = tree.resolve()
    found = []
    for top in CHECKED:
        for file in sorted((tree / top).rglob("*")):
            if file.suffix not in (".hpp", ".cpp", ".h", ".ipp") or not file.is_file():
                continue
            source = file.relative_to(tree).as_posix()
            for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                reason = check_include(tree, source, *match.groups())
                if reason:
                    found.append((source, number, match.group(2), reason))
    return found


def self_test():
    # (file, line to put into it, whether it breaks a rule)
    cases = [
        ("libctms/include/ctms/base/a.hpp", "#include <ctms/model/m.hpp>", True),
        ("libctms/include/ctms/base/b.hpp", "#include <boost/throw_exception.hpp>", True),
        ("libctms/src/base/b.cpp", "#include <boost/throw_exception.hpp>", False),
        ("libctms/include/ctms/base/c.hpp", "#include <boost/url.hpp>", True),
        ("libctms/include/ctms/model/m.hpp", "#include <ctms/base/a.hpp>", False),
        ("libctms/include/ctms/privacy/p.hpp", "#include <ctms/json/c.hpp>", True),
        ("libctms/include/ctms/mozlog/l.hpp", "#include <ctms/metrics/r.hpp>", True),
        ("libctms/include/ctms/persistence/d.hpp", "#include <pqxx/pqxx>", True),
        ("libctms/include/ctms/persistence/e.hpp", '#include "../../../src/persistence/postgres/pool.hpp"', True),
        ("libctms/src/persistence/postgres/pool.hpp", "#include <pqxx/pqxx>", False),
        ("libctms/src/persistence/postgres/q.cpp", '  #  include "pool.hpp"', False),
        ("libctms/src/persistence/clients/r.cpp", "#include <ctms/service/s.hpp>", True),
        ("libctms/src/persistence/clients/s.cpp", "#include <ctms/auth/s.hpp>", True),
        ("libctms/src/persistence/migrations/t.cpp", '#include "embedded_migrations.hpp"', False),
        ("libctms/src/persistence/contacts/rows.hpp", "#include <persistence/postgres/pool.hpp>", False),
        ("libctms/src/persistence/contacts/p.cpp", "#include <pqxx/pqxx>", True),
        ("libctms/src/persistence/postgres/r.cpp", "#include <persistence/contacts/rows.hpp>", True),
        ("libctms/src/persistence/stripe/s.cpp", '#include "../contacts/rows.hpp"', True),
        ("libctms/src/persistence/stripe/t.cpp", "#include <ctms/persistence/d.hpp>", False),
        ("libctms/src/persistence/lost.cpp", "#include <ctms/persistence/d.hpp>", True),
        ("libctms/src/service/s.cpp", '#include "persistence/postgres/pool.hpp"', False),
        ("libctms/src/json/t.cpp", '#include "persistence/postgres/pool.hpp"', True),
        ("libctms/src/json/u.cpp", '#include "../persistence/postgres/pool.hpp"', True),
        ("libctms/src/json/v.cpp", "#include <persistence/postgres/pool.hpp>", True),
        ("libctms/src/model/u.cpp", '#include "json/made_later.hpp"', True),
        ("libctms/src/service/v.cpp", "#include <boost/beast/http.hpp>", True),
        ("libctms/src/service/w.cpp", "#include <ctms/net/n.hpp>", True),
        ("libctms/src/service/x.cpp", "#include <ctms/persistence/d.hpp>", False),
        ("libctms/src/service/y.cpp", "#include <prometheus/counter.h>", True),
        ("libctms/src/service/z.cpp", '#include "../../../apps/support/u.hpp"', True),
        ("libctms/src/service/aa.cpp", "// #include <ctms/net/n.hpp>", False),
        ("libctms/src/model/j.cpp", "#include <boost/json.hpp>", True),
        ("libctms/src/json/j.cpp", "#include <boost/json.hpp>", False),
        ("libctms/src/mozlog/o.cpp", "#include <openssl/evp.h>", True),
        ("libctms/src/auth/o.cpp", "#include <openssl/evp.h>", False),
        ("libctms/src/net/n.cpp", "#include <boost/beast/ssl.hpp>", False),
        ("libctms/src/acoustic/x.cpp", "#include <pugixml.hpp>", False),
        ("libctms/src/net/x.cpp", "#include <pugixml.hpp>", True),
        ("libctms/src/helpers/h.cpp", "#include <ctms/base/a.hpp>", True),
        ("libctms/src/auth/h.cpp", "#include <ctms/result.hpp>", True),
        ("apps/support/u.hpp", "#include <prometheus/registry.h>", False),
        ("apps/support/v.cpp", '#include "../web/server/w.hpp"', True),
        ("apps/web/server/w.hpp", '#include "support/u.hpp"', False),
        ("apps/web/main.cpp", "#include <ctms/service/s.hpp>", False),
        ("apps/web/listen.cpp", "#include <support/u.hpp>", False),
        ("apps/web/accept.cpp", "#include <web/server/w.hpp>", False),
        ("apps/support/w.cpp", "#include <web/server/w.hpp>", True),
        ("apps/web/routes/r.cpp", '#include "server/w.hpp"', False),
        ("apps/web/routes/s.cpp", '#include "fields/tables.hpp"', True),
        ("libctms/src/fields/f.hpp", "#include <ctms/model/m.hpp>", False),
        ("libctms/src/fields/g.hpp", '#include "json/document.hpp"', True),
        ("libctms/src/persistence/f.cpp", '#include "fields/tables.hpp"', False),
        ("libctms/src/service/f.cpp", '#include "fields/tables.hpp"', True),
        ("apps/sync/main.cpp", '#include "web/server/w.hpp"', True),
        ("cli/main.cpp", "#include <boost/asio.hpp>", True),
        ("cli/output.cpp", "#include <boost/json.hpp>", False),
        ("cli/c.cpp", "#include <support/u.hpp>", False),
        ("cli/d.cpp", "#include <web/server/w.hpp>", True),
        ("examples/01.cpp", "#include <pqxx/pqxx>", True),
        ("examples/02.cpp", "#include <ctms/persistence/d.hpp>", True),
        ("examples/03.cpp", "#include <ctms/persistence/database.hpp>", False),
        ("cli/e.cpp", "#include <ctms/persistence/d.hpp>", True),
        ("cli/f.cpp", "#include <ctms/persistence/migrations.hpp>", False),
        ("cli/g.cpp", "#include <ctms/persistence/made_later.hpp>", True),
        ("apps/web/program.cpp", "#include <ctms/persistence/d.hpp>", True),
        ("apps/support/start.hpp", "#include <ctms/persistence/embedded_postgres.hpp>", False),
        ("apps/sync/loop.hpp", "#include <ctms/persistence/d.hpp>", True),
        ("libctms/include/ctms/service/s.hpp", "#include <ctms/persistence/d.hpp>", True),
        ("libctms/include/ctms/service/t.hpp", "#include <ctms/persistence/database.hpp>", False),
        ("tests/unit/t.cpp", '#include "persistence/postgres/pool.hpp"', False),
    ]
    with tempfile.TemporaryDirectory() as name:
        tree = pathlib.Path(name)
        for path, line, _ in cases:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(f"#pragma once\n{line}\n", encoding="utf-8")
        found = {(path, number) for path, number, _, _ in check_tree(tree)}
    failures = []
    for path, line, wrong in cases:
        if ((path, 2) in found) != wrong:
            failures.append(f"{path}: {line}: should {'' if wrong else 'not '}have been reported")
    return len(cases), failures


def check():
    found = [f"{path}:{number}: includes {name}: {reason}" for path, number, name, reason in check_tree(checks.ROOT)]
    return found, "every include points downwards"


if __name__ == "__main__":
    checks.run("Layers", __doc__, check, self_test)
