#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Shows where the CPU time of a load goes: installs what is missing, builds, runs tests/bench/profile_load.py.
# packaging/profile.sh --help shows its options and the loads there are.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
from=$OLDPWD # names of files are meant as the caller sees them

for argument in "$@"; do
    case $argument in
    --help | -h) exec python3 -B tests/bench/profile_load.py --help ;;
    esac
done

need_packages build run bench >&2
step "Configuring (preset release)" configure release >&2
step "Building (preset release)" build release ctms-web ctms-admin >&2
cd "$from"
exec python3 -B "$root/tests/bench/profile_load.py" "$@"
