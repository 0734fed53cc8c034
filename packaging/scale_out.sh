#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Tries CTMS with a standby, with PgBouncer, and during manual failovers and those of Patroni. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/scale_out.sh [TRIAL...]

Installs missing packages (the build's, PgBouncer, Patroni and etcd), builds the programs, and tries them with more than
one database server. Everything runs on the loopback, in temporary directories, and is stopped at the end. Prints a table
of the trials and their results, which docs/scale-out.md explains; ends with exit code 1 if a result is wrong.

  replicas  CTMS_DB_READ_URL and a streaming standby: which server answers, outages, hangs, recovery conflicts
  pooler    PgBouncer in session mode and in transaction mode
  failover  the primary is killed under load, and its synchronous standby is promoted manually
  patroni   the same with Patroni and etcd; the lost member's return; a planned switchover
  --help    print this text

Without names, all trials run, which takes about four minutes. CTMS_SCALE_KEEP=1 keeps the directory of a failed trial.
Several ctms-sync processes on one queue are tested in tests/sync instead.
TEXT
}

case ${1:-} in
--help | -h)
    usage
    exit 0
    ;;
-*)
    usage >&2
    exit 64
    ;;
esac

need_packages build run scale
step "Configuring" configure release
step "Building" build release ctms-web ctms-admin
# Uses Debian's Python, because Debian's psycopg2 is made for it.
step "Trials" /usr/bin/python3 "$root/tests/scale/run.py" --bin "$root/build/release/bin" "$@"
