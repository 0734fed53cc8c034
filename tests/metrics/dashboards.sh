#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Checks the dashboards and alerts of packaging/ on metrics of real programs: ctms-web and ctms-sync under load, the fake
# Acoustic, and a Prometheus. Usage: tests/metrics/dashboards.sh [BIN-DIRECTORY]. Exits with 77 when a program is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"

bin=${1:-$here/../../build/release/bin}
packaging=$here/../../packaging
for program in prometheus promtool python3; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
for program in ctms-sync fake-acoustic; do
    if [ ! -x "$bin/$program" ]; then fail "$program is not built in $bin"; fi
done

promtool check config "$packaging/prometheus/prometheus.yml"
promtool check rules "$packaging/prometheus/alerts.yml"
promtool test rules "$packaging/prometheus/alerts_test.yml"
"$packaging/grafana/make_dashboards.py" --check

scratch=
start_server "$bin"
python3 "$here/dashboards.py" "$bin" "$packaging" "$scratch"
