#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Checks the metrics of a running ctms-web: promtool must not complain, and a real Prometheus must be able to scrape them. Of the
# metrics of ctms-sync, promtool may complain only about names that existed before this program.
# Usage: tests/metrics/run.sh [BIN-DIRECTORY]. Exits with 77 when prometheus or promtool is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/server.sh
. "$here/../support/server.sh"

for program in prometheus promtool curl; do
    command -v "$program" >/dev/null || skip "$program is not installed"
done
scratch=
start_server "${1:-$here/../../build/release/bin}"

fetch "$scratch/token" "$BASE_URL/token" -d client_id="$CLIENT_ID" -d client_secret="$CLIENT_SECRET"
token=$(json_value access_token <"$scratch/token")
[ -n "$token" ] || fail "no token"
fetch "$scratch/answer" "$BASE_URL/ctms?primary_email=nobody" -H "Authorization: Bearer $token"
fetch "$scratch/metrics" "$BASE_URL/metrics"
promtool check metrics <"$scratch/metrics" || fail "promtool complains"
grep -q 'ctms_requests_duration_seconds_bucket{.*le="1.0"}' "$scratch/metrics" || fail "the buckets are not written as dashboards expect"
grep -q "ctms_api_requests_total{client_id=\"$CLIENT_ID\",method=\"GET\",path_template=\"/ctms\",status_code_family=\"2xx\"} 1" "$scratch/metrics" ||
    fail "the request was not counted"

# The sync has nothing to send, so no server needs to listen on its URL.
export CTMS_ACOUSTIC_SYNC_FEATURE_FLAG=true CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG=true CTMS_BACKGROUND_METRICS_PORT=0 \
    CTMS_ACOUSTIC_BASE_URL=http://127.0.0.1:9 CTMS_ACOUSTIC_CLIENT_ID=id CTMS_ACOUSTIC_CLIENT_SECRET=secret CTMS_ACOUSTIC_REFRESH_TOKEN=token \
    CTMS_ACOUSTIC_MAIN_TABLE_ID=1 CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID=2 CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID=3
"${1:-$here/../../build/release/bin}/ctms-sync" --embedded 2>"$scratch/sync.log" &
sync=$!
trap 'kill -TERM "$sync" 2>/dev/null || true; wait "$sync" || true; stop_server' EXIT
find_sync_port() {
    sync_port=$(sed -n 's/.*"port":\([0-9]*\).*"Listening for metrics requests".*/\1/p' "$scratch/sync.log")
    [ -n "$sync_port" ] || ! kill -0 "$sync" 2>/dev/null
}
sync_port=
until_true 60 find_sync_port || true
[ -n "$sync_port" ] || { cat "$scratch/sync.log"; fail "ctms-sync does not listen"; }
fetch "$scratch/sync-metrics" "http://127.0.0.1:$sync_port/metrics"
kill -TERM "$sync"
wait "$sync" || fail "ctms-sync did not exit with 0"
grep -q '^ctms_background_acoustic_sync_loops_total' "$scratch/sync-metrics" || fail "ctms-sync does not count its cycles"
# promtool exits with 3 when it complains only about names. All complaints must be about the old names.
status=0
promtool check metrics <"$scratch/sync-metrics" >"$scratch/complaints" 2>&1 || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then cat "$scratch/complaints"; fail "promtool ended with $status"; fi
if grep -v '^ctms_background_acoustic_' "$scratch/complaints"; then fail "promtool complains"; fi

cat >"$scratch/prometheus.yml" <<TEXT
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: ctms
    static_configs: [{targets: ["${BASE_URL#http://}"]}]
TEXT
# Uses a port that is most likely free, and tries another one if it is not.
scraper=
stop_all() {
    if [ -n "$scraper" ]; then
        kill -TERM "$scraper" 2>/dev/null || true
        wait "$scraper" || true
    fi
    stop_server
}
trap stop_all EXIT
# Prints the value of a query; nothing while Prometheus cannot answer it.
query() { { curl -sS --max-time 10 --get "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" 2>/dev/null || true; } | sed -n 's/.*"value":\[[^,]*,"\([^"]*\)"\].*/\1/p'; }
gives() { [ "$(query "$1")" = "$2" ]; }
is_ready_or_gone() { curl -sSf --max-time 10 -o /dev/null "http://127.0.0.1:$port/-/ready" 2>/dev/null || ! kill -0 "$scraper" 2>/dev/null; }
for _ in {1..5}; do
    port=$((20000 + RANDOM % 10000))
    prometheus --config.file="$scratch/prometheus.yml" --storage.tsdb.path="$scratch/tsdb" --web.listen-address="127.0.0.1:$port" \
        --log.level=warn 2>"$scratch/prometheus.log" &
    scraper=$!
    until_true 60 is_ready_or_gone || fail "Prometheus is not ready"
    if kill -0 "$scraper" 2>/dev/null; then break; fi
    scraper=
done
[ -n "$scraper" ] || { cat "$scratch/prometheus.log"; fail "Prometheus does not start"; }
until_true 60 gives 'up{job="ctms"}' 1 || { cat "$scratch/prometheus.log"; fail "Prometheus cannot scrape"; }
gives "ctms_requests_total{method=\"POST\",path_template=\"/ctms\",status_code=\"409\"}" 0 || fail "a series with known labels does not start at 0"
counts_scrapes() { [ "$(query 'ctms_requests_total{path_template="/metrics",status_code="200"} >= bool 2')" = 1 ]; }
until_true 60 counts_scrapes || fail "the scrapes themselves are not counted"
count=$(grep -vc '^#' "$scratch/metrics")
[ "$count" -gt 100 ] || fail "only $count series"
printf 'Metrics are good: %s series\n' "$count"
