# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# For test scripts: runs ctms-web with its own database on a free loopback port until the script ends. Source this file.
# start_server BIN-DIRECTORY sets scratch (a directory, removed at the end), BASE_URL, CLIENT_ID and CLIENT_SECRET.

fail() {
    printf 'Failed: %s\n' "$*"
    exit 1
}

# skip REASON: only for something missing on this machine, never for what a tested program does. Fails in CI (CI=true).
skip() {
    if [ "${CI:-}" = true ]; then fail "nothing may be skipped in CI: $*"; fi
    printf 'Skipped: %s\n' "$*"
    exit 77 # CTest's SKIP_RETURN_CODE
}

# until_true SECONDS COMMAND...: repeats the command until it succeeds; fails when the time is up.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then return 1; fi
        sleep 0.1
    done
}

# fetch FILE CURL-OPTION...: downloads to the file; fails for any status but 200 and for an empty answer.
fetch() {
    local file=$1 status
    shift
    status=$(curl -sS --max-time 30 -o "$file" -w '%{http_code}' "$@") || fail "no answer: $*"
    if [ "$status" != 200 ]; then
        head -c 1000 "$file"
        fail "answered $status: $*"
    fi
    [ -s "$file" ] || fail "empty answer: $*"
}

# npm_packages FROM TO: installs the npm packages that the lock file in FROM names into TO, unless they are there.
npm_packages() {
    mkdir -p "$2"
    cp "$1/package.json" "$1/package-lock.json" "$1/.npmrc" "$2/"
    if ! cmp -s "$1/package-lock.json" "$2/node_modules/.installed"; then
        (cd "$2" && npm ci --fetch-retries=1 --fetch-timeout=60000) || skip "npm could not fetch what the checks need"
        cp "$1/package-lock.json" "$2/node_modules/.installed"
    fi
}

stop_server() {
    if [ -n "${server:-}" ]; then
        kill -TERM "$server" 2>/dev/null || true
        wait "$server" || true
    fi
    local try
    for try in {1..100}; do # the database stops by itself just after its last user
        if ! compgen -G "$scratch/data/*/postmaster.pid" >/dev/null; then break; fi
        sleep 0.1
    done
    : "$try"
    rm -rf "$scratch"
}

json_value() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

start_server() {
    local bin=$1 port='' client
    if [ ! -x "$bin/ctms-web" ] || [ ! -x "$bin/ctms-admin" ]; then fail "ctms-web and ctms-admin are not built in $bin"; fi
    scratch=$(mktemp -d /var/tmp/ctms-test.XXXXXX)
    chmod 711 "$scratch" # the embedded PostgreSQL's account must be able to enter it
    trap stop_server EXIT
    trap 'exit 130' INT TERM HUP
    unset CTMS_DB_URL CTMS_DB_URL_FILE
    export CTMS_DATA_DIR=$scratch/data HOST=127.0.0.1 PORT=0 CTMS_USE_MOZLOG=true
    : >"$scratch/log"
    "$bin/ctms-web" --embedded 2>>"$scratch/log" &
    server=$!
    for _ in {1..600}; do
        port=$(sed -n 's/.*"port":\([0-9]*\).*"Listening".*/\1/p' "$scratch/log")
        if [ -n "$port" ] || ! kill -0 "$server" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if [ -z "$port" ]; then
        cat "$scratch/log"
        printf 'ctms-web did not start\n'
        exit 1
    fi
    client=$("$bin/ctms-admin" --embedded clients create tester -e you@example.com --json)
    BASE_URL=http://127.0.0.1:$port
    CLIENT_ID=$(json_value client_id <<<"$client")
    CLIENT_SECRET=$(json_value client_secret <<<"$client")
    if [ -z "$CLIENT_ID" ] || [ -z "$CLIENT_SECRET" ]; then fail "ctms-admin made no client: $client"; fi
    export BASE_URL CLIENT_ID CLIENT_SECRET
}
