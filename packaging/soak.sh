#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the whole system under load for hours and checks that nothing grows, tests/soak. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/soak.sh [OPTION...]

Installs missing packages (the build's and psycopg2), builds the programs, and runs the whole system under a steady load:
ctms-web with an embedded PostgreSQL, ctms-sync with a simulated vendor, followers of /updates and /changes, the receiver
of a webhook, writers, readers, and an operator with ctms-admin. Prints a line of samples every minute. In the end, the
followers and the vendor must have what is stored, and memory, descriptors, connections, queues and the disk must not have
grown; otherwise the exit code is 1. Everything runs on the loopback interface, in a temporary directory, and is stopped
at the end. Ctrl-C ends a run early, with the same checks.

  --hours H      how long the load lasts (default 1)
  --minutes N    the same in minutes; in less than 15, growth is not judged
  --every S      seconds between samples (default: a minute, or less in a short run)
  --writes N     contacts written per second (default 50)
  --reads N      reads per second (default 200)
  --commands N   commands of ctms-admin per minute (default 4)
  --contacts N   ids of contacts, which are used again and again (default 10,000)
  --json FILE    also write each sample to FILE, one JSON object per line, and the result as the last one
  --help         print this text

docs/testing.md says what is sampled and how much it may grow.
TEXT
}

run_system "Soak" tests/soak/run.py "$@"
