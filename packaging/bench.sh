#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Measures the service, most of it beside pgbench: installs what is missing, builds, runs tests/bench/bench.py.
# --help shows its options; docs/performance.md tells what each measure means.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
from=$OLDPWD # names of files are meant as the caller sees them

for argument in "$@"; do
    case $argument in
    --help | -h) exec python3 -B tests/bench/bench.py --help ;;
    esac
done

need_packages build run bench >&2
step "Configuring (preset release)" configure release >&2
step "Building (preset release)" build release ctms-web ctms-admin bench-statements bench-micro >&2
cd "$from"
exec python3 -B "$root/tests/bench/bench.py" "$@"
