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
for rules in alerts kubernetes slo; do
    promtool check rules "$packaging/prometheus/$rules.yml"
    promtool test rules "$packaging/prometheus/${rules}_test.yml"
done
"$packaging/grafana/make_dashboards.py" --check

scratch=
start_server "$bin"
# Debian builds Prometheus without the discovery of pods, so only the rest of that example is checked.
sed -e 's/kubernetes_sd_configs:/static_configs:/' -e 's/- role: .*/- targets: []/' -e '/^rule_files:/d' \
    "$packaging/prometheus/prometheus-kubernetes.yml" >"$scratch/kubernetes.yml"
promtool check config "$scratch/kubernetes.yml"
python3 "$here/dashboards.py" "$bin" "$packaging" "$scratch"
