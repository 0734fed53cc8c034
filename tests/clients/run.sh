#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Starts a ctms-web with its own database on the loopback interface, checks its OpenAPI document with public linters, generates a Python and
# a TypeScript client from it, and drives a contact's life through each.
# Usage: tests/clients/run.sh [BIN-DIRECTORY] [WORK-DIRECTORY]
# Exits with 77 when a required program is missing on this machine; everything else is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"
bin=${1:-$here/../../build/release/bin}
work=${2:-$here/../../build/release/tests/clients/work}

for program in node npm java python3; do command -v "$program" >/dev/null || skip "$program is not installed"; done
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

rm -rf python
java -jar node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar generate -i openapi.json -g python -o python >python.log 2>&1 ||
    { cat python.log && fail "no Python client could be generated"; }
PYTHONPATH=python PYTHONDONTWRITEBYTECODE=1 python3 life.py || fail "the generated Python client does not work"

"$tools/openapi-typescript" openapi.json --redocly redocly.yaml --default-non-nullable=false -o api.ts >typescript.log 2>&1 || { cat typescript.log && fail "no TypeScript client could be generated"; }
"$tools/tsc" --strict --noUncheckedIndexedAccess --target es2022 --module nodenext --lib es2022,dom,dom.iterable --outDir out life.ts ||
    fail "the generated TypeScript client does not compile"
node out/life.js || fail "the generated TypeScript client does not work"
