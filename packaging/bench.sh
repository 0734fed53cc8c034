#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Measures the service, mostly in comparison with pgbench: installs missing packages, builds, and runs tests/bench/bench.py.
# --help shows its options; docs/performance.md explains the measurements.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

measure bench.py "ctms-web ctms-sync ctms-admin fake-acoustic bench-statements bench-micro" "$@"
