#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The image's health check: ends with 0 if /__lbheartbeat__ answers 200 on CTMS_OPS_PORT or, without it, on PORT. Uses only bash,
# so that the image needs no curl. It identifies itself as a Kubernetes probe, so that the log marks its requests as trivial.
set -euo pipefail

port=${CTMS_OPS_PORT:-${PORT:-8000}}
if [ -z "${CTMS_OPS_PORT:-}" ] && [ -n "${CTMS_TLS_CERT:-}" ]; then
    echo "health.sh: port $port uses TLS; set CTMS_OPS_PORT" >&2
    exit 1
fi
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost:%s\r\nUser-Agent: kube-probe/0 (ctms image)\r\nConnection: close\r\n\r\n' "$port" >&3
IFS=' ' read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
