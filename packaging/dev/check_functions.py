#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the functions that migrations after the tenth create: those that run with the rights of their owner must find nothing that
another role could have planted.

    packaging/dev/check_functions.py                checks libctms/src/persistence/migrations; exit code 1 if a rule is broken
    packaging/dev/check_functions.py --self-test    checks example functions

For each function or procedure:
- `security definer` needs `set search_path = pg_catalog, pg_temp`, exactly this path.
- In its body, a table after from, join, into, update or delete needs its schema, as `%1$I.name` of format() or `schema.name`. The names of
  the transition tables of triggers (see TRANSITION), of CTEs, new, old and excluded need none. So do the functions of pg_catalog: no
  other schema is in the path.
- The migration must revoke it from public.
This finds mistakes, not malice: it is a search for patterns, not a parser.
"""

import pathlib
import re
import tempfile

import checks

MIGRATIONS = "libctms/src/persistence/migrations"
FIRST = 11
TRANSITION = {"written", "deleted", "old_rows", "new_rows"}
KEYWORDS = {"select", "lateral", "unnest", "only", "set", "jsonb_array_elements", "generate_series"}

FUNCTION = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+(?P<name>[\w.%$]+)\s*\(.*?\)(?P<head>.*?)\bas\s+(?P<tag>\$\w*\$)(?P<body>.*?)(?P=tag)",
    re.I | re.S)
PATH = re.compile(r"set\s+search_path\s*(?:=|to)\s*pg_catalog\s*,\s*pg_temp\s*(?:$|\n|as\b)", re.I)
TABLE = re.compile(r"\b(?:from|join|into|update|delete\s+from)\s+(?:only\s+)?(?P<name>[\w.%$\"]+)(?P<call>\s*\()?", re.I)
CTE = re.compile(r"(?:\bwith(?:\s+recursive)?|,)\s+(\w+)\s*(?:\([^)]*\)\s*)?as\s+(?:not\s+)?(?:materialized\s*)?\(", re.I)
QUALIFIED = re.compile(r"^(?:%(?:\d+\$)?I|[\w\"]+)\.[\w\"%$]+$")


def without_comments(sql):
    return re.sub(r"--[^\n]*", "", sql)


def names_without_schema(body):
    """The tables in the body that have no schema and are not known to need none."""
    # `is distinct from x`, `extract(epoch from x)` and `on conflict do update set` name no table.
    text = re.sub(r"\bdistinct\s+from\b|\bdo\s+update\b|\bfor\s+(?:no\s+key\s+)?update\b|\bextract\s*\(\s*\w+\s+from\b", " ", body, flags=re.I)
    known = TRANSITION | KEYWORDS | {name.lower() for name in CTE.findall(text)}
    for found in TABLE.finditer(text):
        name = found["name"]
        if found["call"] and found[0].lower().startswith(("from", "join")):
            continue  # a function of pg_catalog
        if not QUALIFIED.match(name) and name.lower() not in known:
            yield name


def faults_of(path, sql):
    text = without_comments(sql)
    revoked = " ".join(re.findall(r"\brevoke\s+all\s+on\s+function\s+(.*?)\s+from\s+public", text, re.I | re.S))
    for found in FUNCTION.finditer(text):
        name, head = found["name"].split(".")[-1], found["head"]
        if re.search(r"\bsecurity\s+definer\b", head, re.I):
            if not PATH.search(head):
                yield f"{path}: {name}: security definer needs `set search_path = pg_catalog, pg_temp`"
            if not re.search(rf"\b{re.escape(name)}\b", revoked):
                yield f"{path}: {name}: security definer needs `revoke all on function ... from public`"
        for table in names_without_schema(found["body"]):
            yield f"{path}: {name}: `{table}` needs its schema"
    made = len(re.findall(r"\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\b", text, re.I))
    if made != len(FUNCTION.findall(text)):
        yield f"{path}: has a function that this check does not understand; write its body in dollar quotes"


def check(root=checks.ROOT):
    wrong, count = [], 0
    for file in sorted((pathlib.Path(root) / MIGRATIONS).glob("[0-9]*.sql")):
        if int(file.name.split("_")[0]) < FIRST:
            continue
        sql = file.read_text(encoding="utf-8")
        count += len(FUNCTION.findall(without_comments(sql)))
        wrong.extend(faults_of(file.name, sql))
    return wrong, f"{count} functions are safe"


GOOD = """do $make$ begin execute format($sql$ create or replace function %1$I.f() returns trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp as $body$ begin BODY return null; end $body$ $sql$, home);
    execute format('revoke all on function %1$I.f() from public', home); end $make$;"""

# What stands in place of BODY, or a replacement in GOOD, and whether it is allowed.
CASES = [
    ("insert into %1$I.t (a) select w.a from written w;", None, True),
    ("insert into %1$I.t (a) values (1) on conflict (a) do update set a = excluded.a;", None, True),
    ("delete from %1$I.t r where r.a is distinct from old.a;", None, True),
    ("with c as (select 1) insert into %I.t select * from c;", None, True),
    ("perform max(a) from unnest(array[1]) a;", None, True),
    ("insert into t (a) values (1);", None, False),
    ("delete from t;", None, False),
    ("update t set a = 1;", None, False),
    ("perform 1 from %1$I.t join u on true;", None, False),
    ("perform 1 where exists (select from u);", None, False),
    ("", ("pg_catalog, pg_temp", "pg_catalog, public, pg_temp"), False),
    ("", ("set search_path = pg_catalog, pg_temp", "set search_path from current"), False),
    ("", ("set search_path = pg_catalog, pg_temp", ""), False),
    ("", ("pg_catalog, pg_temp", "pg_catalog"), False),
    ("", ("revoke all on function", "grant execute on function"), False),
    ("", ("$body$ begin  return null; end $body$", "'begin return null; end'"), False),
    ("", ("security definer", "security invoker"), True),
]


def self_test():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder) / MIGRATIONS
        home.mkdir(parents=True)
        (home / "0010_older.sql").write_text("create function f() returns int security definer as $$ delete from t $$;", encoding="utf-8")
        for body, change, allowed in CASES:
            text = GOOD.replace("BODY", body)
            if change:
                assert change[0] in text, change
                text = text.replace(*change)
            (home / "0011_new.sql").write_text(text, encoding="utf-8")
            faults = check(folder)[0]
            if bool(faults) == allowed:
                wrong.append(f"{body or change}: {'refused: ' + '; '.join(faults) if allowed else 'allowed'}")
    return len(CASES), wrong


if __name__ == "__main__":
    checks.run("Functions of migrations", __doc__, check, self_test)
