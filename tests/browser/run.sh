#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Starts a ctms-web with a database of its own on the loopback, checks the API's pages in Chromium (checks.mjs), stops it.
# Usage: tests/browser/run.sh [BIN-FOLDER] [WORK-FOLDER]. Screenshots go to the work folder.
# Ends with 77 when something that it needs is missing here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${1:-$here/../../build/release/bin}
work=${2:-$here/../../build/release/tests/browser/work}

skip() {
    printf 'Skipped: %s\n' "$*"
    exit 77
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then skip "Node.js with npm is not installed"; fi
chromium=$(command -v chromium || command -v chromium-browser) || skip "chromium is not installed"
if [ ! -x "$bin/ctms-web" ] || [ ! -x "$bin/ctms-admin" ]; then skip "ctms-web and ctms-admin are not built in $bin"; fi

mkdir -p "$work"
work=$(cd "$work" && pwd)
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/checks.mjs" "$work/"
if ! cmp -s "$here/package-lock.json" "$work/node_modules/.installed"; then
    (cd "$work" && npm ci --fetch-retries=1 --fetch-timeout=60000) || skip "npm could not fetch what the checks need"
    cp "$here/package-lock.json" "$work/node_modules/.installed"
fi

# The account of the embedded PostgreSQL must be able to get there.
scratch=$(mktemp -d /var/tmp/ctms-browser.XXXXXX)
chmod 711 "$scratch"
server=
clean_up() {
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" || true
    fi
    local try
    for try in {1..100}; do # the database stops by itself just after its last user
        if ! compgen -G "$scratch/data/postmaster.pid" >/dev/null && ! compgen -G "$scratch/data/*/postmaster.pid" >/dev/null; then break; fi
        sleep 0.1
    done
    : "$try"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

unset CTMS_DB_URL CTMS_DB_URL_FILE
export CTMS_DATA_DIR=$scratch/data HOST=127.0.0.1 PORT=0 CTMS_USE_MOZLOG=true
"$bin/ctms-web" --embedded 2>"$scratch/log" &
server=$!
port=
for _ in {1..600}; do
    port=$(sed -n 's/.*"port":\([0-9]*\).*"Listening".*/\1/p' "$scratch/log")
    if [ -n "$port" ]; then break; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
done
if [ -z "$port" ]; then
    cat "$scratch/log"
    printf 'ctms-web did not start\n'
    exit 1
fi
export BASE_URL=http://127.0.0.1:$port

if ! node -e 'fetch(process.env.BASE_URL + "/docs").then(async (answer) => process.exit((await answer.text()).includes("swagger-ui") ? 0 : 1))'; then
    skip "this ctms-web was built without the API's pages"
fi

client=$("$bin/ctms-admin" --embedded clients create browser -e you@example.com --json)
CLIENT_ID=$(node -p 'JSON.parse(process.argv[1]).client_id' "$client")
CLIENT_SECRET=$(node -p 'JSON.parse(process.argv[1]).client_secret' "$client")
export CLIENT_ID CLIENT_SECRET CHROMIUM=$chromium OUTPUT=$work

cd "$work"
node checks.mjs
