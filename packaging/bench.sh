#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Measures the service, most of it beside pgbench: installs what is missing, builds, runs tests/bench/bench.py.
# --help shows its options; docs/performance.md tells what each measure means.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

measure bench.py "ctms-web ctms-admin bench-statements bench-micro" "$@"
