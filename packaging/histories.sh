#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the checker of histories, tests/history. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/histories.sh [OPTION...] [FAULT...]

Installs missing packages (the build's, psycopg2 and faketime), builds the programs, and checks histories: many programs write
contacts while something fails, and in the end no reader may have missed a change, and no acknowledged write may be lost. Everything
runs on the loopback interface, in temporary directories, and is stopped at the end. Prints a line for each round; ends with exit
code 1 if one failed.

  --part feed    readers and writers of every kind (default)
  --part system  the same with clients that check each answer, ctms-sync and a simulated vendor
  --rounds N     rounds of each fault (default 1)
  --seconds S    time for which each round writes (default 8)
  --seed N       seed of the first round; with --rounds 1 and the name of the fault it repeats a round
  --rotate N     only this many faults, others every day
  --help         print this text

Without names, all faults of the part have their rounds. docs/testing.md lists them.
TEXT
}

run_system "Histories" tests/history/run.py "$@"
