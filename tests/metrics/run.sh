#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The metrics of a running ctms-web: promtool finds nothing to complain about, and a real Prometheus scrapes them. Those of
# ctms-sync: promtool complains of nothing but names that are older than this program.
# Usage: tests/metrics/run.sh [BIN-FOLDER]. Ends with 77 when prometheus or promtool is missing here.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"

fail() {
    printf 'Failed: %s\n' "$*"
    exit 1
}

for program in prometheus promtool curl; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
scratch=
start_server "${1:-$here/../../build/release/bin}"

token=$(curl -sS "$BASE_URL/token" -d client_id="$CLIENT_ID" -d client_secret="$CLIENT_SECRET" | json_value access_token)
curl -sS -o "$scratch/answer" "$BASE_URL/ctms?primary_email=nobody" -H "Authorization: Bearer $token"
curl -sS "$BASE_URL/metrics" >"$scratch/metrics"
promtool check metrics <"$scratch/metrics" || fail "promtool complains"
grep -q 'ctms_requests_duration_seconds_bucket{.*le="1.0"}' "$scratch/metrics" || fail "the buckets are not written as dashboards expect"
grep -q "ctms_api_requests_total{client_id=\"$CLIENT_ID\",method=\"GET\",path_template=\"/ctms\",status_code_family=\"2xx\"} 1" "$scratch/metrics" ||
    fail "the request was not counted"

# The sync finds nothing to send, so nobody needs to answer there.
export CTMS_ACOUSTIC_SYNC_FEATURE_FLAG=true CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG=true CTMS_BACKGROUND_METRICS_PORT=0 \
    CTMS_ACOUSTIC_BASE_URL=http://127.0.0.1:9 CTMS_ACOUSTIC_CLIENT_ID=id CTMS_ACOUSTIC_CLIENT_SECRET=secret CTMS_ACOUSTIC_REFRESH_TOKEN=token \
    CTMS_ACOUSTIC_MAIN_TABLE_ID=1 CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID=2 CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID=3
"${1:-$here/../../build/release/bin}/ctms-sync" --embedded 2>"$scratch/sync.log" &
sync=$!
trap 'kill -TERM "$sync" 2>/dev/null || true; wait "$sync" || true; stop_server' EXIT
for _ in {1..100}; do
    sync_port=$(sed -n 's/.*"port":\([0-9]*\).*"Listening for readers of metrics".*/\1/p' "$scratch/sync.log")
    if [ -n "$sync_port" ] || ! kill -0 "$sync" 2>/dev/null; then break; fi
    sleep 0.1
done
curl -sS "http://127.0.0.1:$sync_port/metrics" >"$scratch/sync-metrics" || { cat "$scratch/sync.log"; fail "ctms-sync does not show its metrics"; }
kill -TERM "$sync"
wait "$sync" || fail "ctms-sync did not end well"
complaints=$(promtool check metrics <"$scratch/sync-metrics" 2>&1 || true)
complaints=$(grep -v '^ctms_background_acoustic_' <<<"$complaints" || true)
[ -z "$complaints" ] || fail "promtool complains: $complaints"

cat >"$scratch/prometheus.yml" <<TEXT
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: ctms
    static_configs: [{targets: ["${BASE_URL#http://}"]}]
TEXT
# A port that is most likely free; if it is not, another one.
scraper=
stop_all() {
    if [ -n "$scraper" ]; then
        kill -TERM "$scraper" 2>/dev/null || true
        wait "$scraper" || true
    fi
    stop_server
}
trap stop_all EXIT
query() { curl -sS --get "http://127.0.0.1:$1/api/v1/query" --data-urlencode "query=$2" 2>/dev/null | sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'; }
for _ in {1..5}; do
    port=$((20000 + RANDOM % 10000))
    prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" --web.listen-address="127.0.0.1:$port" \
        --log.level=warn 2>"$scratch/prometheus.log" &
    scraper=$!
    for _ in {1..200}; do
        if [ "$(query "$port" 'up{job="ctms"}')" = 1 ]; then break 2; fi
        if ! kill -0 "$scraper" 2>/dev/null; then break; fi
        sleep 0.1
    done
done
[ "$(query "$port" 'up{job="ctms"}')" = 1 ] || { cat "$scratch/prometheus.log"; fail "Prometheus cannot scrape"; }
series="ctms_requests_total{method=\"POST\",path_template=\"/ctms\",status_code=\"409\"}"
[ "$(query "$port" "$series")" = 0 ] || fail "a series that can be expected does not start at 0"
for _ in {1..100}; do
    scraped=$(query "$port" 'ctms_requests_total{path_template="/metrics",status_code="200"}')
    if [ "${scraped:-0}" -ge 2 ]; then break; fi
    sleep 0.1
done
[ "${scraped:-0}" -ge 2 ] || fail "the scrapes themselves are not counted"
printf 'Metrics are good: %s series\n' "$(grep -vc '^#' "$scratch/metrics")"
