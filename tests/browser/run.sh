#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Starts a ctms-web with its own database on the loopback interface, checks the API's pages in Chromium (checks.mjs) and stops it.
# Usage: tests/browser/run.sh [BIN-DIRECTORY] [WORK-DIRECTORY]. Screenshots go to the work directory.
# Exits with 77 when a required program is missing on this machine, or when this ctms-web was built without the pages (a build in
# CI refuses that); everything else is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"
bin=${1:-$here/../../build/release/bin}
work=${2:-$here/../../build/release/tests/browser/work}

# First the checks that need no other program: a server that does not return its pages fails the test.
start_server "$bin"
fetch "$scratch/docs" "$BASE_URL/docs"
if ! grep -q 'swagger-ui' "$scratch/docs"; then
    grep -q 'npm' "$scratch/docs" || fail "/docs is neither Swagger UI nor the page that says why it is missing"
    skip "this ctms-web was built without the API's pages"
fi
fetch "$scratch/redoc" "$BASE_URL/redoc"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then skip "Node.js with npm is not installed"; fi
CHROMIUM=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"

npm_packages "$here" "$work"
work=$(cd "$work" && pwd)
cp "$here/checks.mjs" "$work/"

export CHROMIUM OUTPUT=$work
cd "$work"
node checks.mjs
