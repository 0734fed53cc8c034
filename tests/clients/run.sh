#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Starts a ctms-web with its own database on the loopback interface, checks its OpenAPI document with public linters, generates a Python, a
# TypeScript and a C++ client from it, and drives a contact's life through each.
# Usage: tests/clients/run.sh [BIN-DIRECTORY] [WORK-DIRECTORY]
# Exits with 77 when a required program is missing on this machine; everything else is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"
bin=${1:-$here/../../build/release/bin}
work=${2:-$here/../../build/release/tests/clients/work}

for program in node npm java python3 cmake ninja; do command -v "$program" >/dev/null || skip "$program is not installed"; done
pkg-config --exists Qt5Network || skip "Qt 5, which the C++ client needs, is not installed"
python3 -c 'import certifi, dateutil, six, urllib3' 2>/dev/null || skip "a module that the Python client needs is not installed"

start_server "$bin"
npm_packages "$here" "$work"
work=$(cd "$work" && pwd)
cp "$here"/*.yaml "$here"/life.* "$work/"
cd "$work"
fetch openapi.json "$BASE_URL/openapi.json"
tools=node_modules/.bin

"$tools/spectral" lint openapi.json --ruleset spectral.yaml --fail-severity warn || fail "Spectral found something in the document"
REDOCLY_TELEMETRY=off "$tools/redocly" lint openapi.json --config redocly.yaml --max-problems 20 >redocly.log 2>&1 ||
    { cat redocly.log && fail "Redocly found an error in the document"; }
if grep -q 'Warning was generated' redocly.log; then cat redocly.log && fail "Redocly found something in the document"; fi

# generate LANGUAGE GENERATOR DOCUMENT: makes the client in the folder LANGUAGE.
generate() {
    rm -rf "$1"
    java -jar node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar generate -i "$3" -g "$2" -o "$1" >"$1.log" 2>&1 ||
        { cat "$1.log" && fail "no client in $1 could be generated"; }
}

generate python python openapi.json
PYTHONPATH=python PYTHONDONTWRITEBYTECODE=1 python3 life.py || fail "the generated Python client does not work"

"$tools/openapi-typescript" openapi.json --redocly redocly.yaml --default-non-nullable=false -o api.ts >typescript.log 2>&1 || { cat typescript.log && fail "no TypeScript client could be generated"; }
"$tools/tsc" --strict --noUncheckedIndexedAccess --target es2022 --module nodenext --lib es2022,dom,dom.iterable --outDir out life.ts ||
    fail "the generated TypeScript client does not compile"
node out/life.js || fail "the generated TypeScript client does not work"

"$here/qt/generator_faults.py" document <openapi.json >simple.json || fail "the document could not be simplified for the C++ client"
generate cpp cpp-qt5-client simple.json
"$here/qt/generator_faults.py" sources cpp/client || fail "the generated C++ client is not as expected"
{ cmake -S "$here/qt" -B cpp-build -G Ninja -DGENERATED="$work/cpp/client" && ninja -C cpp-build; } >cpp-build.log 2>&1 ||
    { tail -n 100 cpp-build.log && fail "the generated C++ client does not compile"; }
./cpp-build/life || fail "the generated C++ client does not work"
