# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# For test scripts: a ctms-web with a database of its own on a free port of the loopback, stopped when the script ends.
# To be sourced; start_server BIN-FOLDER sets scratch (a folder, removed at the end), BASE_URL, CLIENT_ID and CLIENT_SECRET.

skip() {
    printf 'Skipped: %s\n' "$*"
    exit 77 # CTest's SKIP_RETURN_CODE
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
    if [ ! -x "$bin/ctms-web" ] || [ ! -x "$bin/ctms-admin" ]; then skip "ctms-web and ctms-admin are not built in $bin"; fi
    scratch=$(mktemp -d /var/tmp/ctms-test.XXXXXX)
    chmod 711 "$scratch" # the account of the embedded PostgreSQL must be able to get there
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
    export BASE_URL CLIENT_ID CLIENT_SECRET
}
