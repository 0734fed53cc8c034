#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Shows where the CPU time of a load goes: installs missing packages, builds, and runs tests/bench/profile_load.py.
# packaging/dev/profile.sh --help shows its options and the available loads.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

measure profile_load.py "ctms-web ctms-admin" "$@"
