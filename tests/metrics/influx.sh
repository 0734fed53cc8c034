#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Sends the metrics of real programs through Prometheus to a real InfluxDB 1.6 with packaging/influxdb, and runs its queries there.
# Usage: tests/metrics/influx.sh [BIN-DIRECTORY]. Exits with 77 when a program is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"

bin=${1:-$here/../../build/release/bin}
for program in prometheus influxd python3; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"
for program in ctms-sync fake-acoustic; do
    if [ ! -x "$bin/$program" ]; then fail "$program is not built in $bin"; fi
done

scratch=
start_server "$bin"
python3 "$here/influx.py" "$bin" "$here/../../packaging" "$scratch"
