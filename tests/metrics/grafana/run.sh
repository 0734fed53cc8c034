#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Checks the dashboards of packaging/grafana with Grafana's own types.
# Usage: tests/metrics/grafana/run.sh [WORK-DIRECTORY]
# Exits with 77 when a required program is missing on this machine; everything else is a failure.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../../support/server.sh"
work=${1:-$here/../../../build/release/tests/metrics/grafana}
dashboards=$(cd "$here/../../../packaging/grafana" && pwd)

for program in node npm; do command -v "$program" >/dev/null || skip "$program is not installed"; done
npm_packages "$here" "$work"
cp "$here"/dashboard.ts "$here"/grafana.mjs "$here"/tsconfig.json "$work/"
cd "$work"
node grafana.mjs "$dashboards"/*.json || fail "the dashboards and Grafana's types disagree"
