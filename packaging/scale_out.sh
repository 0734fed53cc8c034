#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Tries CTMS with a standby, behind PgBouncer, and through failovers by hand and by Patroni. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/scale_out.sh [TRIAL...]

Installs what is missing (PgBouncer, Patroni and etcd beside what the build needs), builds the programs, and tries them
with more than one server, all on the loopback, in temporary directories, with processes that it ends itself. Ends with
a table of what was tried and what came out, which docs/scale-out.md explains; exit 1 when something came out wrong.

  replicas  CTMS_DB_READ_URL and a streaming standby: who answers, outages, hangs, recovery conflicts
  pooler    PgBouncer in session mode and in transaction mode
  failover  the primary is killed under load, its synchronous standby promoted by hand
  patroni   the same by Patroni, with etcd; the lost member's return; a planned switchover
  --help    this text

Without names all of them run, some four minutes. CTMS_SCALE_KEEP=1 keeps the directory of one that failed. Several
ctms-sync on one queue are not tried here: tests/sync and tests/fault do that.
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
# Debian's Python, for which its psycopg2 is.
step "Trials" /usr/bin/python3 "$root/tests/scale/run.py" --bin "$root/build/release/bin" "$@"
