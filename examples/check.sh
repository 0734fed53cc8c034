#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs an example and compares its output with the .expected file next to its source.
# Usage: examples/check.sh PROGRAM [ARGUMENT...]. The argument FOLDER is replaced with a new folder, and VENDOR=PROGRAM with the
# URL of a fake-acoustic that runs meanwhile. Values that differ between runs are written as N in the .expected file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
shift
scratch=$(mktemp -d /var/tmp/ctms-example.XXXXXX)
chmod 711 "$scratch" # the account of the embedded PostgreSQL must be able to enter the folder
vendor=
finish() {
    if [ -n "$vendor" ]; then
        kill -TERM "$vendor" 2>/dev/null || true
        wait "$vendor" || true
    fi
    for _ in {1..100}; do # the database stops by itself shortly after its last user
        if ! compgen -G "$scratch/data/*/postmaster.pid" >/dev/null; then break; fi
        sleep 0.1
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

start_vendor() {
    : >"$scratch/vendor"
    "$1" --port 0 >"$scratch/vendor" 2>&1 &
    vendor=$!
    for _ in {1..300}; do
        url=$(sed -n 's/^Listening on //p' "$scratch/vendor")
        if [ -n "$url" ]; then return; fi
        if ! kill -0 "$vendor" 2>/dev/null; then break; fi
        sleep 0.1
    done
    cat "$scratch/vendor"
    exit 1
}

arguments=()
for argument in "$@"; do
    case $argument in
    FOLDER) arguments+=("$scratch/data") ;;
    VENDOR=*)
        start_vendor "${argument#VENDOR=}"
        arguments+=("$url")
        ;;
    *) arguments+=("$argument") ;;
    esac
done

status=0
timeout 100 "$program" "${arguments[@]}" >"$scratch/output" || status=$?
sed -E 's/"(Timestamp|Pid)":[0-9]+/"\1":N/g' "$scratch/output" >"$scratch/printed"
diff -u "$here/$(basename "$program").expected" "$scratch/printed"
exit "$status"
