#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Takes a fresh checkout to a running server: installs packages, builds, starts the server, creates a client. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/quickstart.sh [--port N] [--data-dir DIR] [--no-run | --once]

Installs missing Debian packages, builds ctms-web and ctms-admin, starts the server with an embedded PostgreSQL,
creates an API client and prints commands to try it. Ctrl-C stops the server; the data is kept.

  --port N        listen on N instead of $PORT or 8000; 0 chooses a free port
  --data-dir DIR  directory of the embedded database (default: $CTMS_DATA_DIR, or ctms-data in the checkout)
  --no-run        only build
  --once          start the server, run the printed commands, and stop; fails if a command fails. Without
                  --data-dir, uses a new database, which is removed afterwards
  --help          print this text

Environment: PORT, HOST (default 127.0.0.1), CTMS_DATA_DIR, and the settings in docs/configuration.md.
TEXT
}

bin=$root/build/release/bin
port=${PORT:-8000}
data_dir=${CTMS_DATA_DIR:-}
run=yes
once=no
while [ "$#" -gt 0 ]; do
    case $1 in
    --port | --data-dir)
        [ "$#" -ge 2 ] || die "$1 needs a value"
        if [ "$1" = --port ]; then port=$2; else data_dir=$2; fi
        shift
        ;;
    --port=*) port=${1#*=} ;;
    --data-dir=*) data_dir=${1#*=} ;;
    --no-run) run=no ;;
    --once) once=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -gt 65535 ]; then die "'$port' is not a port number"; fi

export HOST=${HOST:-127.0.0.1}
case $HOST in
0.0.0.0 | '' | '*') reach=127.0.0.1 ;;
::) reach=::1 ;;
*) reach=$HOST ;;
esac

port_taken() { (exec 3<>"/dev/tcp/$reach/$1") 2>/dev/null; }

free_port() {
    local candidate try
    for try in {1..50}; do
        candidate=$((20000 + (RANDOM + try) % 10000))
        if ! port_taken "$candidate"; then
            say "$candidate"
            return
        fi
    done
    die "found no free port"
}

check_port() {
    if [ "$port" -eq 0 ]; then port=$(free_port); fi
    if port_taken "$port"; then
        die "port $port is already in use. Choose another one: PORT=$((port < 65535 ? port + 1 : 8000)) packaging/quickstart.sh"
    fi
}

if [ "$run" = yes ]; then check_port; fi # fails early, before the build

# ---- packages and build ----

need_packages build run
step "Configuring (preset release)" configure release
step "Building ctms-web and ctms-admin" build release ctms-web ctms-admin
if [ "$run" = no ]; then
    say "Built: $bin/ctms-web, $bin/ctms-admin"
    exit 0
fi

# ---- the database's directory ----

# Whether the account that runs the embedded PostgreSQL can access a directory. For root the account is postgres, because
# PostgreSQL refuses to run as root; otherwise it is the user's own.
reachable() {
    if [ "$(id -u)" -eq 0 ]; then
        runuser -u postgres -- test -x "$1"
    else
        test -x "$1"
    fi
}

scratch=
choose_data_dir() {
    if [ -n "$data_dir" ]; then
        data_dir=$(cd "$called_from" && realpath -m -- "$data_dir")
        mkdir -p "$(dirname "$data_dir")"
        reachable "$(dirname "$data_dir")" || die "the account postgres cannot reach $data_dir; choose another --data-dir"
    elif [ "$once" = yes ]; then
        scratch=$(mktemp -d /var/tmp/ctms-once.XXXXXX)
        chmod 711 "$scratch"
        data_dir=$scratch/data
    elif reachable "$root"; then
        data_dir=$root/ctms-data
    else
        data_dir=/var/tmp/ctms-data-$(id -u)
        say "The account postgres cannot reach $root, so the data is stored in $data_dir"
    fi
    export CTMS_DATA_DIR=$data_dir
}

choose_data_dir
for name in CTMS_DB_URL CTMS_DB_URL_FILE; do
    if [ -n "${!name:-}" ]; then
        say "Note: $name is ignored here; this script always uses the embedded database."
        unset "$name"
    fi
done

# ---- the server ----

if [[ $reach == *:* ]]; then url_host="[$reach]"; else url_host=$reach; fi
url=http://$url_host:$port
export PORT=$port CTMS_SERVER_PREFIX=${CTMS_SERVER_PREFIX:-$url}
export CTMS_USE_MOZLOG=${CTMS_USE_MOZLOG:-false} # lines for people; set it to true for JSON

server=
signals=0

# Forwards the first signal to the server, and kills the server on the second. The script ends when the server has ended.
on_signal() {
    signals=$((signals + 1))
    if [ -z "$server" ]; then exit 130; fi
    if [ "$signals" -eq 1 ]; then
        say ""
        say "==> Stopping"
        kill -TERM "$server" 2>/dev/null || true
    else
        kill -KILL "$server" 2>/dev/null || true
    fi
}

# Waits for the server to end and returns its exit status. A trapped signal interrupts `wait`, so it waits again if needed.
await_server() {
    local status=0
    while :; do
        status=0
        wait "$server" || status=$?
        kill -0 "$server" 2>/dev/null || break
    done
    server=
    return "$status"
}

clean_up() {
    if [ -n "$server" ]; then
        kill -TERM "$server" 2>/dev/null || true
        await_server || true
    fi
    if [ -z "$scratch" ]; then return; fi
    # The embedded database stops by itself shortly after its last user.
    local try
    for try in {1..100}; do
        if ! compgen -G "$scratch/data/postmaster.pid" >/dev/null && ! compgen -G "$scratch/data/*/postmaster.pid" >/dev/null; then break; fi
        sleep 0.1
    done
    : "$try"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap on_signal INT TERM HUP

wait_for_heartbeat() {
    local deadline=$((SECONDS + 60))
    while [ "$SECONDS" -lt "$deadline" ]; do
        if [ "$signals" -gt 0 ]; then exit 130; fi
        if ! kill -0 "$server" 2>/dev/null; then
            local status=0
            await_server || status=$?
            say "ctms-web ended with status $status before it answered; see its messages above."
            return 1
        fi
        if curl -sf -o /dev/null --noproxy '*' --max-time 5 "$url/__heartbeat__"; then return 0; fi
        sleep 0.1
    done
    say "$url/__heartbeat__ did not answer with 200 within 60 s. The last response was:"
    curl -sS -i --noproxy '*' --max-time 5 "$url/__heartbeat__" 2>&1 || true
    return 1
}

check_port # checks again, because building takes a while
say "==> Starting ctms-web on $url, data in $CTMS_DATA_DIR"
"$bin/ctms-web" --embedded &
server=$!
step "Waiting for $url/__heartbeat__" wait_for_heartbeat

client=quickstart-$(od -An -N4 -tx1 /dev/urandom | tr -d ' \n')
say "==> Creating the API client id_$client"
card=$("$bin/ctms-admin" --embedded clients create "$client" -e you@example.com)
say "$card"

# ---- the smoke test ----

# Extracts the curl commands of a text, with their continuation lines, as a script. A command is complete when bash can
# parse it and its last line does not end with a backslash.
commands_in() {
    local line command=
    while IFS= read -r line; do
        if [ -z "$command" ] && ! [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_]+=.*\$\([[:space:]]*)?curl[[:space:]] ]]; then continue; fi
        command+=$line$'\n'
        if [[ $line != *\\ ]] && bash -n <<<"$command" 2>/dev/null; then
            printf '%s' "$command"
            command=
        fi
    done
}

run_printed_commands() {
    local script output
    script=$(commands_in <<<"$card")
    if [ "$(grep -c 'curl ' <<<"$script")" -lt 3 ]; then
        say "The printed commands must include a token request, a POST and a GET, but are:"
        say "$script"
        return 1
    fi
    # Runs them as printed, except that an HTTP error makes a command fail.
    output=$(bash -euo pipefail -c "curl() { command curl --fail-with-body -sS --noproxy '*' --max-time 30 \"\$@\" || return; echo; }"$'\n'"$script") || {
        say "$output"
        return 1
    }
    say "$output"
    if ! grep -q '"primary_email"' <<<"$output"; then
        say "The responses do not contain a contact."
        return 1
    fi
}

if [ "$once" = yes ]; then
    step "Running the printed commands" run_printed_commands
    say "==> Stopping"
    kill -TERM "$server"
    status=0
    await_server || status=$?
    [ "$status" -eq 0 ] || die "ctms-web ended with status $status"
    say "==> Smoke test passed"
    exit 0
fi

say ""
say "CTMS runs on $url (log lines follow). Ctrl-C stops it. The same command starts it again, with the same data."
status=0
await_server || status=$?
exit "$status"
