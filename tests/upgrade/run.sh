#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# `ctms-admin db upgrade` with two real versions of PostgreSQL: nothing is lost, and an upgrade that is killed can be repeated.
# Not a test of CTest, because most machines have one version: packaging/on_debian.sh RELEASE upgrade runs it.
#   run.sh BIN-DIRECTORY
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../support/server.sh"

bin=$1
mapfile -t versions < <(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n)
[ "${#versions[@]}" -ge 2 ] || fail "needs two versions of PostgreSQL in /usr/lib/postgresql"
from=${versions[0]}
to=${versions[-1]}

scratch=$(mktemp -d /var/tmp/ctms-upgrade.XXXXXX)
chmod 711 "$scratch"
export CTMS_DATA_DIR=$scratch/data
trap 'stop_server' EXIT

# with VERSION COMMAND...: runs a command that uses the programs of that version, whatever the data needs.
with() { CTMS_PG_BINDIR=/usr/lib/postgresql/$1/bin "${@:2}"; }

# is WHAT EXPECTED ACTUAL
is() { [ "$2" = "$3" ] || fail "$1 is '$3' instead of '$2'"; }

# Everything in the database but what names the cluster and what the upgrade itself adds.
everything() {
    "$bin/ctms-admin" db dump --data-only --exclude-table-data='*.ctms_audit*' --exclude-table-data='*.ctms_changes_state' \
        --exclude-table-data='*.ctms_webhooks' | grep -v -e '^--' -e '^SET ' -e '^.restrict ' -e '^.unrestrict ' -e ctms_audit | sort
}

# The place of the webhook in the feed, and whether it belongs to this cluster.
place_of_webhook() {
    "$bin/ctms-admin" db psql -Atc "select state, xid, w.email_id, w.system_identifier = c.system_identifier,
        s.system_identifier = c.system_identifier from ctms_webhooks w, ctms_changes_state s, pg_control_system() c"
}

server_version() { "$bin/ctms-admin" db psql -Atc "select current_setting('server_version_num')::int / 10000"; }

stopped() { ! compgen -G "$scratch/data/*/postmaster.pid" >/dev/null; }

with "$from" "$bin/ctms-admin" migrate >/dev/null
with "$from" "$bin/ctms-admin" clients create upgrade -e you@example.com >/dev/null
with "$from" "$bin/ctms-admin" db psql -qc "
    insert into emails (email_id, primary_email, create_timestamp, update_timestamp)
        select gen_random_uuid(), 'person' || n || '@example.com', now(), now() from generate_series(1, 20000) n;
    delete from emails where primary_email like 'person1%';
    create table extra (name text, data bytea);
    insert into extra values (E'line\\nbreak, \\\\ and \"quotes\"', decode(repeat('00ff', 100000), 'hex'))"
with "$from" "$bin/ctms-admin" webhooks add https://shop.example.com/ctms --name shop >/dev/null
everything_before=$(everything)
place_before=$(place_of_webhook)
last_id=$("$bin/ctms-admin" db psql -Atc 'select pg_current_xact_id()')
is "the version before" "$from" "$(server_version)"

# A program that only has the newer version ends with a message that says what to do.
until_true 20 stopped || fail "the server does not stop"
status=0
told=$(with "$to" "$bin/ctms-admin" db status 2>&1) || status=$?
is "the exit code with the newer programs" 78 "$status"
[[ $told == *"ctms-admin db upgrade"* ]] || fail "the message does not name the command: $told"

# A database that was not shut down cleanly, and upgrades that are killed at several moments: each leaves a complete database.
killed=0
for delay in 0.2 0.5 0.9 1.4 2 2.6 3.4 4.2 6 9 13; do
    if [ -e "$scratch/data/postgres-$from" ] && [ "$(cat "$scratch/data/postgres/PG_VERSION")" = "$to" ]; then break; fi
    "$bin/ctms-admin" db upgrade >/dev/null 2>&1 &
    process=$!
    sleep "$delay"
    if kill -KILL "$process" 2>/dev/null; then killed=$((killed + 1)); fi
    wait "$process" 2>/dev/null || true
done
[ "$killed" -ge 2 ] || fail "only $killed upgrades were killed"

told=$("$bin/ctms-admin" db upgrade) || fail "the upgrade failed: $(tail -n 20 "$scratch/data/log")"
is "the version after" "$to" "$(server_version)"
diff <(printf '%s\n' "$everything_before") <(everything) >"$scratch/difference" || {
    head -n 20 "$scratch/difference"
    fail "the data is not the same"
}
is "the place of the webhook" "$place_before" "$(place_of_webhook)"
[ "$("$bin/ctms-admin" db psql -Atc 'select pg_current_xact_id()')" -gt "$last_id" ] || fail "ids of transactions began again"
is "the version of the old data" "$from" "$(cat "$scratch/data/postgres-$from/PG_VERSION")"
is "the folders in the data directory" "postgres postgres-$from run" \
    "$(find "$scratch/data" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
until_true 20 stopped || fail "the server does not stop"

told=$("$bin/ctms-admin" db upgrade)
[[ $told == *"already has version $to"* ]] || fail "a second upgrade says: $told"
"$bin/ctms-admin" --json audit --limit 3 | grep -q '"command":"db upgrade"' || fail "there is no audit record"

# The old data still works with the old programs. A server that is still running would write into the folder that gets its folder's name.
until_true 20 stopped || fail "the server does not stop"
mv "$scratch/data/postgres" "$scratch/data/newer"
mv "$scratch/data/postgres-$from" "$scratch/data/postgres"
is "the version of the old data" "$from" "$(server_version)"
echo "The upgrade from PostgreSQL $from to $to lost nothing; $killed upgrades were killed before"
