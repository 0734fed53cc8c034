#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Works around two faults of cpp-qt5-client in openapi-generator 4.3.1.

    generator_faults.py document <openapi.json >simple.json
    generator_faults.py sources DIRECTORY

- For oneOf and anyOf, it includes headers that it does not write, so its output does not compile. `document` puts the first alternative in
  place of each. The others are the text "DELETE" or "UNSUBSCRIBE" instead of a group, and further forms of `detail`.
- It sends every parameter of the query, also those that are not set, as `name=`. `sources` makes the generated calls leave out those that are
  empty.
"""
import json
import pathlib
import re
import sys

PARAMETER = re.compile(r'    if \(fullPath\.indexOf\("\?"\) > 0\)\n        fullPath\.append\("&"\);\n    else\n        fullPath\.append\("\?"\);\n'
                       r'    fullPath\.append\(QUrl::toPercentEncoding\("\w+"\)\)\.append\("="\)\.append\(QUrl::toPercentEncoding\((.*)\)\);\n')


def simplified(value):
    if isinstance(value, list):
        return [simplified(one) for one in value]
    if not isinstance(value, dict):
        return value
    for several in ("oneOf", "anyOf"):
        if several in value:
            rest = {name: one for name, one in value.items() if name != several}
            return simplified({**rest, **value[several][0]})
    return {name: simplified(one) for name, one in value.items()}


def correct_sources(folder):
    changed = 0
    for path in pathlib.Path(folder).glob("*Api.cpp"):
        text, count = PARAMETER.subn(lambda found: f"    if (!{found[1]}.isEmpty()) {{\n{found[0]}    }}\n", path.read_text(encoding="utf8"))
        path.write_text(text, encoding="utf8")
        changed += count
    if changed == 0:
        sys.exit("generator_faults.py: no call has a query as expected")


if sys.argv[1:] == ["document"]:
    json.dump(simplified(json.load(sys.stdin)), sys.stdout)
elif len(sys.argv) == 3 and sys.argv[1] == "sources":
    correct_sources(sys.argv[2])
else:
    sys.exit(__doc__)
