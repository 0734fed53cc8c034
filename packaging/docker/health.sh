#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The image's health check: 0 when /__lbheartbeat__ answers 200 on CTMS_OPS_PORT or, without it, on PORT. bash alone, so that
# the image needs no curl. As a probe of Kubernetes the log knows it as trivial.
set -euo pipefail

port=${CTMS_OPS_PORT:-${PORT:-8000}}
if [ -z "${CTMS_OPS_PORT:-}" ] && [ -n "${CTMS_TLS_CERT:-}" ]; then
    echo "health.sh: the port $port speaks TLS; set CTMS_OPS_PORT" >&2
    exit 1
fi
exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /__lbheartbeat__ HTTP/1.1\r\nHost: localhost:%s\r\nUser-Agent: kube-probe/0 (ctms image)\r\nConnection: close\r\n\r\n' "$port" >&3
IFS=' ' read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
