#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Checks that tests notice small changes of the code: installs missing packages, and runs mutate.py. --help shows its options.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

need_packages build run
exec python3 -B packaging/dev/mutate.py "$@"
