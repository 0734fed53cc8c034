#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the stages of the Dockerfile without Docker: the same steps in chroots, followed by a trial of ctms-web. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
. "$root/packaging/fresh_debian.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/docker/stages.sh [--dir DIR] [--jobs N] [--run-only | --build-only | --remove]

Makes two Debian 12 systems with debootstrap, DIR/build and DIR/run, builds CTMS in the first and installs it in the
second, as packaging/docker/Dockerfile does. Then starts a PostgreSQL on the loopback (with this system's binaries), and
runs `ctms-admin migrate` and ctms-web in DIR/run, read-only, as uid 10001 and without capabilities. Requests
/__lbheartbeat__, /__heartbeat__ and /__version__, and stops the server. Needs root and about 3 GB. Takes about 5 minutes
on 2 cores if the objects are in this machine's ccache, which it shares, otherwise 10.

  --dir DIR      directory of the systems (default: /var/tmp/ctms-stages); kept, so that --run-only can use them
  --jobs N       number of concurrent compilers
  --build-only   build, but do not start anything
  --run-only     only try existing systems
  --remove       remove the systems afterwards

Environment: CTMS_DEBIAN_MIRROR (default: this machine's mirror), CTMS_API_PAGES (OFF if npm's registry cannot be
reached), COMMIT, VERSION, IMAGE_TAG, SOURCE, BUILD for version.json.
TEXT
}

dir=/var/tmp/ctms-stages
do_build=yes
do_run=yes
remove=no
arguments=("$@")
while [ "$#" -gt 0 ]; do
    case $1 in
    --dir | --jobs)
        [ "$#" -ge 2 ] || die "$1 needs a value"
        if [ "$1" = --dir ]; then dir=$2; else export CMAKE_BUILD_PARALLEL_LEVEL=$2; fi
        shift
        ;;
    --build-only) do_run=no ;;
    --run-only) do_build=no ;;
    --remove) remove=yes ;;
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
[ "$(id -u)" -eq 0 ] || die "needs root, for chroot"
dir=$(cd "$called_from" && realpath -m -- "$dir")
[ "$dir" != / ] || die "--dir must not be /"

# Runs in separate namespaces, so that mounts and processes end with this script, however it ends.
if [ -z "${CTMS_STAGES_APART:-}" ]; then
    need_packages run stages
    export CTMS_STAGES_APART=yes
    exec unshare --mount --pid --fork --kill-child --mount-proc "$root/packaging/docker/stages.sh" "${arguments[@]}" --dir "$dir"
fi

if [ -n "$(ls -A "$dir" 2>/dev/null)" ] && ! [ -e "$dir/.ctms-stages" ]; then die "$dir exists, but this script did not create it"; fi
mkdir -p "$dir"
touch "$dir/.ctms-stages"
scratch=
server=
database=
clean_up() {
    local process
    for process in $server $database; do
        kill -INT "$process" 2>/dev/null || continue
        wait "$process" || true
    done
    if mountpoint -q "$dir/run"; then umount --recursive "$dir/run"; fi
    if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
    if [ "$remove" = yes ]; then rm -rf --one-file-system "$dir"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# ---- the two systems ----

# steps_in SYSTEM CHECKOUT STEP [ARGUMENT]: runs a step in a system that has the checkout at that path.
steps_in() {
    local where=$1 at=$2 name settings=()
    shift 2
    for name in CTMS_API_PAGES CMAKE_BUILD_PARALLEL_LEVEL COMMIT VERSION IMAGE_TAG SOURCE BUILD; do
        if [ -n "${!name:-}" ]; then settings+=("$name=${!name}"); fi
    done
    in_debian "$where" "${settings[@]}" "$at/packaging/docker/steps.sh" "$@"
}

build_stage() {
    step "A fresh Debian to build in" fresh_debian 12 "$dir/build"
    copy_sources "$dir/build/src"
    step "Packages to build with" steps_in "$dir/build" /src build-packages
    step "Programs" steps_in "$dir/build" /src build /out
    step "Libraries that they need" steps_in "$dir/build" /src libraries /out
}

run_stage() {
    step "A fresh Debian to run in" fresh_debian 12 "$dir/run"
    mkdir -p "$dir/run/packaging/docker" "$dir/run/usr/local/lib/ctms"
    cp packaging/lib.sh packaging/packages.txt "$dir/run/packaging/"
    cp packaging/docker/steps.sh "$dir/run/packaging/docker/"
    cp "$dir/build/out/packages" "$dir/run/packaging/"
    step "Account" steps_in "$dir/run" "" account
    step "Packages to run with" steps_in "$dir/run" "" run-packages /packaging/packages
    cp -a "$dir/build/out/usr/local/." "$dir/run/usr/local/"
    install -m 755 packaging/docker/health.sh "$dir/run/usr/local/lib/ctms/health.sh"
    COMMIT=${COMMIT:-$(git rev-parse HEAD 2>/dev/null || true)} steps_in "$dir/run" "" version-file /app/version.json
    rm -rf "$dir/run/packaging"
    say "==> $dir/run takes $(du -sh "$dir/run" | cut -f1)"
}

# ---- trying it ----

free_port() {
    local candidate
    for _ in {1..50}; do
        candidate=$((20000 + RANDOM % 10000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
            say "$candidate"
            return
        fi
    done
    die "found no free port"
}

await() {
    local deadline=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || die "failed for a minute: $*"
        sleep 0.2
    done
}

start_database() {
    local bin
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ -x "$bin/postgres" ] || die "needs a PostgreSQL in /usr/lib/postgresql"
    scratch=$(mktemp -d /var/tmp/ctms-stages-db.XXXXXX)
    chown postgres "$scratch"
    database_port=$(free_port)
    runuser -u postgres -- "$bin/initdb" -D "$scratch/data" -U ctms -A trust -E UTF8 --locale=C.UTF-8 >/dev/null
    # setpriv replaces itself with the server, so that $! is the id of the server.
    setpriv --reuid=postgres --regid=postgres --init-groups "$bin/postgres" -D "$scratch/data" -p "$database_port" \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories= 2>"$scratch/log" &
    database=$!
    await "$bin/pg_isready" -h 127.0.0.1 -p "$database_port" -U ctms -d postgres
}

# Runs a command as the image's account, without privileges and without this shell's environment. It replaces the shell, so
# call it in a subshell.
exec_in_image() {
    exec chroot "$dir/run" /usr/bin/setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --bounding-set=-all \
        /usr/bin/env -i -C /app PATH=/usr/local/bin:/usr/bin:/bin HOST=127.0.0.1 PORT="$port" CTMS_OPS_PORT="$ops_port" \
        CTMS_DB_URL="postgresql://ctms@127.0.0.1:$database_port/postgres" CTMS_SECRET_KEY="for trying only: anybody can read it" "$@"
}

in_image() { (exec_in_image "$@"); }

get() { curl -sSf --noproxy '*' --max-time 5 "http://127.0.0.1:$port$1"; }

try_it() {
    local uid status=0
    [ -x "$dir/run/usr/local/bin/ctms-web" ] || die "$dir/run does not contain ctms-web; build it first"
    mount --bind "$dir/run" "$dir/run"
    mount --bind /proc "$dir/run/proc"
    mount --bind /dev "$dir/run/dev" # the programs read /dev/urandom
    mount -o remount,bind,ro "$dir/run"
    port=$(free_port)
    ops_port=$(free_port)
    while [ "$ops_port" = "$port" ]; do ops_port=$(free_port); done
    start_database
    step "ctms-admin migrate" in_image ctms-admin migrate
    (exec_in_image ctms-web 2>"$dir/ctms-web.log") &
    server=$!
    await get /__lbheartbeat__
    uid=$(stat -c %u "/proc/$server")
    [ "$uid" = 10001 ] || die "ctms-web runs as uid $uid"
    step "Health check" in_image /usr/local/lib/ctms/health.sh
    (port=$ops_port && get /metrics >/dev/null) || die "the port for probes and metrics does not serve metrics"
    say "$(get /__heartbeat__)"
    [ "$(get /__version__)" = "$(cat "$dir/run/app/version.json")" ] || die "/__version__ does not return version.json"
    step "ctms-sync --version" in_image ctms-sync --version
    kill -TERM "$server"
    wait "$server" || status=$?
    server=
    [ "$status" -eq 0 ] || die "ctms-web ended with status $status; see its log, $dir/ctms-web.log"
    if in_image /usr/local/lib/ctms/health.sh 2>/dev/null; then die "the health check passes without a server"; fi
    say "==> The image's system works"
}

if [ "$do_build" = yes ]; then
    build_stage
    run_stage
fi
if [ "$do_run" = yes ]; then try_it; fi
