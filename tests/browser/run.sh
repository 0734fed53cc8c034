#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Starts a ctms-web with a database of its own on the loopback, checks the API's pages in Chromium (checks.mjs), stops it.
# Usage: tests/browser/run.sh [BIN-FOLDER] [WORK-FOLDER]. Screenshots go to the work folder.
# Ends with 77 when a program that it needs is missing here, or when this ctms-web was built without the pages (which a build in
# CI refuses); everything else is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"
bin=${1:-$here/../../build/release/bin}
work=${2:-$here/../../build/release/tests/browser/work}

# First what needs no other program: a server that answers anything but its pages has failed.
start_server "$bin"
fetch "$scratch/docs" "$BASE_URL/docs"
if ! grep -q 'swagger-ui' "$scratch/docs"; then
    grep -q 'npm' "$scratch/docs" || fail "/docs is neither Swagger UI nor the page that says why it is missing"
    skip "this ctms-web was built without the API's pages"
fi
fetch "$scratch/redoc" "$BASE_URL/redoc"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then skip "Node.js with npm is not installed"; fi
CHROMIUM=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"

mkdir -p "$work"
work=$(cd "$work" && pwd)
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/checks.mjs" "$work/"
if ! cmp -s "$here/package-lock.json" "$work/node_modules/.installed"; then
    (cd "$work" && npm ci --fetch-retries=1 --fetch-timeout=60000) || skip "npm could not fetch what the checks need"
    cp "$here/package-lock.json" "$work/node_modules/.installed"
fi

export CHROMIUM OUTPUT=$work
cd "$work"
node checks.mjs
