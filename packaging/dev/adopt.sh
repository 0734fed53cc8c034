#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Rehearses the adoption of a database of the Python service while that service writes. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/dev/adopt.sh [--contacts COUNT] [--bin DIRECTORY]

Creates a PostgreSQL in a temporary directory with the schema of the Python service, COUNT contacts (1000000) with four
newsletters each, and half as many contacts waiting for the sync (at most 500000). Then it runs `ctms-admin migrate` while
writers work as the Python service does: each transaction reads a contact and then writes emails, newsletters and
pending_acoustic, and now and then one stays open for up to ten seconds. Prints the longest transaction of a writer before
and during the migration, the duration of the migration, and the size of the database before and after.

  --contacts COUNT  up to 20000000. A million contacts take about two minutes and 2 GB
  --bin DIRECTORY   where ctms-admin is (build/release/bin)
  --help            print this text

TMPDIR (/var/tmp) says where the temporary directory is made. It is removed at the end. Ends with exit code 1 if the
migration fails or a writer waited for more than 300 ms longer than without it.
TEXT
}

contacts=1000000
bin=$root/build/release/bin
while [ $# -gt 0 ]; do
    case $1 in
    --contacts) contacts=${2:?} && shift 2 ;;
    --bin) bin=$(cd "$called_from" && cd "${2:?}" && pwd) && shift 2 ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
    esac
done
if ! [[ $contacts =~ ^[0-9]+$ ]] || [ "$contacts" -lt 1000 ] || [ "$contacts" -gt 20000000 ]; then die "--contacts takes 1000 to 20000000"; fi
[ -x "$bin/ctms-admin" ] || die "ctms-admin is not built in $bin"
postgres=$(pg_config --bindir 2>/dev/null || true)
[ -x "$postgres/initdb" ] || postgres=$(dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -n 1)")
[ -x "$postgres/pgbench" ] || die "pgbench is missing (Debian package postgresql)"
pending=$((contacts / 2 < 500000 ? contacts / 2 : 500000))

place=$(mktemp -d "${TMPDIR:-/var/tmp}/ctms-adopt.XXXXXX")
# PostgreSQL refuses to run as root.
as_server() { "$@"; }
if [ "$(id -u)" = 0 ]; then
    chown nobody "$place"
    as_server() { setpriv --reuid=nobody --clear-groups "$@"; }
fi
writers=()
cleanup() {
    for one in "${writers[@]}"; do kill "$one" 2>/dev/null || true; done
    as_server "$postgres/pg_ctl" -D "$place/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$place"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
cd "$place"

start_postgres() { # OPTION...: a server without TCP
    local all="-k $place -c listen_addresses= -c shared_buffers=1GB -c maintenance_work_mem=512MB -c max_wal_size=8GB $*"
    as_server "$postgres/pg_ctl" -D "$place/data" -l "$place/log" -w -t 300 -o "$all" start >/dev/null
}
stop_postgres() { as_server "$postgres/pg_ctl" -D "$place/data" -m fast -w -t 600 stop >/dev/null; }
export PGHOST=$place PGUSER=postgres PGDATABASE=ctms
sql() { "$postgres/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }
megabytes() { sql -c "select pg_database_size('ctms') / 1000000"; }

fill() {
    sql -v contacts="$contacts" -v pending="$pending" <<'SQL'
set session_replication_role = replica; -- the rows refer to each other correctly by construction
set synchronous_commit = off;
-- Indexes and keys are built after the load, which is faster.
create temp table later as
    select 1 as turn, format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as make,
        format('alter table %s drop constraint %I', conrelid::regclass, conname) as remove
    from pg_constraint where contype in ('p', 'u') and conrelid::regclass::text in ('emails', 'newsletters', 'pending_acoustic', 'fxa')
    union all
    select 2, format('alter table %s add constraint %I %s not valid', conrelid::regclass, conname, pg_get_constraintdef(oid)),
        format('alter table %s drop constraint %I', conrelid::regclass, conname)
    from pg_constraint where contype = 'f' and confrelid = 'emails'::regclass
    union all
    select 1, indexdef, format('drop index %I', indexname) from pg_indexes
    where tablename in ('emails', 'newsletters', 'pending_acoustic', 'fxa')
        and not exists (select from pg_constraint where conname = indexname);
do $$ declare one record; begin
    for one in select remove from later order by turn desc loop execute one.remove; end loop;
end $$;
insert into emails (email_id, primary_email, basket_token, first_name, mailing_country, email_format, email_lang,
        has_opted_out_of_email, update_timestamp, double_opt_in)
    select md5(n::text)::uuid, 'person' || n || '@example.com', md5('basket' || n), 'Given', 'us', 'H', 'en', false,
        now() - n % 1000000 * interval '1 minute', true
    from generate_series(1, :contacts) n;
insert into newsletters (email_id, name, subscribed, format, lang, source, update_timestamp)
    select md5(n::text)::uuid, name, true, 'H', 'en', 'https://www.example.com/', now()
    from generate_series(1, :contacts) n, unnest(array['mozilla-and-you', 'hubs', 'common-voice', 'test-pilot']) name;
insert into fxa (email_id, fxa_id, primary_email, update_timestamp)
    select md5(n::text)::uuid, md5('fxa' || n), 'person' || n || '@example.com', now() from generate_series(1, :contacts, 3) n;
insert into pending_acoustic (email_id, retry, update_timestamp)
    select md5(n::text)::uuid, 0, now() from generate_series(1, :pending) n;
do $$ declare one record; begin
    for one in select make from later order by turn loop execute one.make; end loop;
end $$;
SQL
    sql -c 'vacuum (analyze)' -c 'checkpoint'
}

# Short transactions touch the even contacts and long ones the odd, so that they do not wait for each other's rows.
write_scripts() {
    cat >short.sql <<'SQL'
\set contact 2 * random(1, :contacts / 2)
begin;
select * from emails where email_id = md5(:contact::text)::uuid;
select * from newsletters where email_id = md5(:contact::text)::uuid;
update emails set first_name = 'New', update_timestamp = now() where email_id = md5(:contact::text)::uuid;
update newsletters set subscribed = not subscribed, update_timestamp = now()
    where email_id = md5(:contact::text)::uuid and name = 'hubs';
insert into pending_acoustic (email_id, retry, update_timestamp) values (md5(:contact::text)::uuid, 0, now());
commit;
\sleep 20 ms
SQL
    cat >long.sql <<'SQL'
\set contact 2 * random(1, :contacts / 2) - 1
\set seconds random(1, 10)
begin;
select * from emails where email_id = md5(:contact::text)::uuid;
update emails set first_name = 'New', update_timestamp = now() where email_id = md5(:contact::text)::uuid;
insert into pending_acoustic (email_id, retry, update_timestamp) values (md5(:contact::text)::uuid, 0, now());
\sleep :seconds s
commit;
\set pause random(2, 20)
\sleep :pause s
SQL
}

write_while() { # NAME COMMAND...: runs the command while the writers work; their times are in the files NAME.*
    local name=$1 status=0
    shift
    PGAPPNAME=writers "$postgres/pgbench" -n -c 4 -j 1 -T 3600 -f short.sql -D contacts="$contacts" -l --log-prefix="$name" >/dev/null 2>&1 &
    writers=("$!")
    PGAPPNAME=long "$postgres/pgbench" -n -c 1 -T 3600 -f long.sql -D contacts="$contacts" >/dev/null 2>&1 &
    writers+=("$!")
    "$@" || status=$?
    # pgbench writes the rest of its log when its sessions end, but not when it is killed.
    for one in "${writers[@]}"; do kill -0 "$one" || die "a writer ended early"; done
    sql -c "select pg_terminate_backend(pid) from pg_stat_activity where application_name in ('writers', 'long')" >/dev/null
    for one in "${writers[@]}"; do wait "$one" 2>/dev/null || true; done
    writers=()
    return "$status"
}

# Milliseconds of CPU time of the server's process for a statement of 100,000 rows, or for 5,000 transactions of a PATCH.
bulk="begin; insert into pending_acoustic (email_id, retry, update_timestamp)
    select md5(n::text)::uuid, 0, now() from generate_series(1, least(:contacts, 100000)) n; rollback;"
patches="select format('update emails set first_name = %L, update_timestamp = now() where email_id = %L;'
        'update newsletters set subscribed = not subscribed, update_timestamp = now() where email_id = %2\$L and name = %L;'
        'insert into pending_acoustic (email_id, retry, update_timestamp) values (%2\$L, 0, now())', n, md5(n::text)::uuid, 'hubs')
    from generate_series(1, least(:contacts, 5000)) n \\gexec"
cpu_of() { # SQL
    sql -v contacts="$contacts" <<SQL
select pg_backend_pid() as backend \gset
\setenv BACKEND :backend
\set before \`awk '{ print \$14 + \$15 }' /proc/\$BACKEND/stat\`
$1
\set after \`awk '{ print \$14 + \$15 }' /proc/\$BACKEND/stat\`
select (:after - :before) * 1000 / $(getconf CLK_TCK);
SQL
}
triggers() { # enable|disable: the triggers that the migration made
    sql -c "alter table emails $1 trigger user" -c "alter table newsletters $1 trigger user" \
        -c "alter table pending_acoustic $1 trigger user"
}
cost_of() { # SQL: CPU time with the triggers divided by that without, from the medians of five measurements in turn
    for _ in 1 2 3 4 5; do
        triggers disable
        echo "without $(cpu_of "$1")"
        triggers enable
        echo "with $(cpu_of "$1")"
    done | sort -k 1,1 -k 2,2n | awk '{ of[$1] = of[$1] " " $2 }
        END { split(of["with"], a, " "); split(of["without"], b, " "); printf "%.2f (%d ms, %d ms without)\n", a[3] / b[3], a[3], b[3] }'
}

longest() { awk '{ t = $3 / 1000 - 20; if (t > max) max = t; n++ } END { printf "%d of %d\n", max, n }' "$1".*; }

as_server "$postgres/initdb" -D "$place/data" -A trust -U postgres -E UTF8 --no-sync >/dev/null
start_postgres -c fsync=off -c wal_level=minimal -c max_wal_senders=0 -c full_page_writes=off -c autovacuum=off
PGDATABASE=postgres sql -c 'create database ctms'
sql -f "$root/libctms/src/persistence/migrations/0001_baseline.sql"
step "Filling the database with $contacts contacts, $pending of them waiting" fill
stop_postgres
sync
start_postgres
write_scripts
export CTMS_DB_URL="postgresql:///ctms?host=$place&user=postgres"
step "Writing without a migration for 30 s" write_while before sleep 30
"$bin/ctms-admin" migrate --plan
size=$(megabytes)
began=$SECONDS
step "Migrating" write_while during "$bin/ctms-admin" migrate --wait 1800
took=$((SECONDS - began))
# The triggers only append to the inbox, which ctms-web and ctms-sync move to the queue.
left=$(sql -c 'select count(*) from (select email_id from pending_acoustic except select email_id from ctms_sync_queue
    except select email_id from ctms_inbox) as missing')
[ "$left" = 0 ] || die "$left contacts that wait are missing in the queue"
before=$(longest before)
during=$(longest during)
say "Contacts: $contacts, rows of newsletters: $((4 * contacts)), contacts waiting for the sync: $pending at the start"
say "Longest transaction of a writer before the migration: ${before% of *} ms of ${before#* of } transactions"
say "Longest transaction of a writer during the migration: ${during% of *} ms of ${during#* of } transactions"
say "Duration of the migration: $took s"
say "Size of the database: $size MB before, $(megabytes) MB after"
say "CPU time with the triggers, in proportion: a statement of 100,000 rows $(cost_of "$bulk"), 5,000 transactions $(cost_of "$patches")"
[ $((${during% of *} - ${before% of *})) -le 300 ] || die "the migration held up a writer for more than 300 ms"
