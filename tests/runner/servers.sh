#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the scripts of tests/browser and tests/metrics against servers that do everything wrong. Each script must fail because of
# what it saw, and neither pass nor skip. A Python program replaces ctms-web.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    printf 'Failed: %s\n' "$*"
    cat "$scratch/output"
    exit 1
}

cat >"$scratch/ctms-web" <<'PROGRAM'
#!/usr/bin/env python3
import http.server, os, signal, sys
status, body = int(os.environ["BAD_STATUS"]), os.environ["BAD_BODY"].encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *what): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
signal.signal(signal.SIGTERM, lambda *what: sys.exit(0))
signal.alarm(120)  # ends on its own
print('{"Fields":{"port":%d,"msg":"Listening"}}' % server.server_port, file=sys.stderr, flush=True)
server.serve_forever()
PROGRAM
cat >"$scratch/ctms-admin" <<'PROGRAM'
#!/bin/sh
echo '{"client_id":"id_tester","client_secret":"secret"}'
PROGRAM
# Replaces Prometheus with programs that accept everything, so that only the script's own checks count.
mkdir "$scratch/tools"
for program in prometheus promtool; do printf '#!/bin/sh\nexec cat\n' >"$scratch/tools/$program"; done
chmod +x "$scratch/ctms-web" "$scratch/ctms-admin" "$scratch"/tools/*

# notices SCRIPT STATUS BODY EXPECTED: checks that the script exits with 1 and prints what is expected.
notices() {
    local status=0
    BAD_STATUS=$2 BAD_BODY=$3 CI=false PATH=$scratch/tools:$PATH "$here/../$1" "$scratch" "$scratch/work" >"$scratch/output" 2>&1 || status=$?
    [ "$status" = 1 ] || fail "$1 ends with $status when the server answers $2 with '$3'"
    grep -qF "$4" "$scratch/output" || fail "$1 does not say '$4' when the server answers $2 with '$3'"
}

for script in browser/run.sh metrics/run.sh; do
    notices "$script" 500 "Internal Server Error" "answered 500"
    notices "$script" 404 '{"detail":"Not Found"}' "answered 404"
    notices "$script" 200 "" "empty answer"
done
notices browser/run.sh 200 "<html>It works!</html>" "neither Swagger UI nor the page that says why it is missing"
notices metrics/run.sh 200 '{"access_token":"x"}' "the buckets are not written as dashboards expect"
printf 'A server that fails is noticed\n'
