#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Tries rsyslog.conf with a real rsyslog as the receiver. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/logging/try.sh [--lines N] [--away SECONDS]

Writes N lines (default 20000), as a container runtime would, to a file that rsyslog reads with packaging/logging/rsyslog.conf. Receives
them over TLS on the loopback with another rsyslog, which stops after the first part of the lines and stays away for SECONDS (default 5)
while more are written. Each line must arrive, as a message of RFC 5424 with the severity of its JSON; lines that arrive twice are counted.
The receiver ends in an orderly way, as a restart does; after a crash of the receiver, the lines in its buffers are lost.

packaging/test.sh --nightly runs it with a million lines and a minute.
TEXT
}

lines=20000
away=5
while [ "$#" -gt 0 ]; do
    case $1 in
    --lines) lines=$2 && shift ;;
    --away) away=$2 && shift ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 64 ;;
    esac
    shift
done

for program in rsyslogd openssl python3; do command -v "$program" >/dev/null || die "$program is not installed"; done
scratch=$(mktemp -d)
sender=
receiver=

end() { # PID
    if [ -z "$1" ]; then return; fi
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
trap 'end "$sender"; end "$receiver"; rm -rf "$scratch"' EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

make_certificates() {
    cd "$scratch" || return
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=logs.example.com 2>/dev/null
    printf 'subjectAltName=DNS:logs.example.com\n' >extensions
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem 2>/dev/null
    cd "$root"
}

configure_receiver() {
    cat >"$scratch/receiver.conf" <<TEXT
global(workDirectory="$scratch" maxMessageSize="256k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="$scratch/ca.pem"
       defaultNetstreamDriverCertFile="$scratch/server.pem" defaultNetstreamDriverKeyFile="$scratch/server.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="as-received" type="string" string="%syslogseverity% %app-name% %msg%\n")
input(type="imtcp" address="127.0.0.1" port="$port" ruleset="keep")
ruleset(name="keep") { action(type="omfile" file="$scratch/received" template="as-received") }
TEXT
}

configure_sender() {
    mkdir -p "$scratch/spool" "$scratch/containers"
    # Only what differs between machines.
    sed -e '/^module(load="imjournal"/d' -e "s#/var/spool/rsyslog#$scratch/spool#" -e "s#/etc/ssl/certs/ca-certificates.crt#$scratch/ca.pem#" \
        -e "s#/var/log/containers#$scratch/containers#" -e "s#/var/log/ctms-rsyslog-stats.log#$scratch/stats#" \
        -e 's#target="logs.example.com" port="6514"#target="127.0.0.1" port="'"$port"'"#' -e 's#interval="60" format#interval="1" format#' \
        packaging/logging/rsyslog.conf >"$scratch/sender.conf"
}

start_receiver() {
    rsyslogd -n -f "$scratch/receiver.conf" -i "$scratch/receiver.pid" >>"$scratch/receiver.log" 2>&1 &
    receiver=$!
}

# write_lines FROM TO: one line in ten is an error of the sync, and one in a hundred is no JSON.
write_lines() {
    python3 - "$1" "$2" >>"$scratch/containers/ctms-web-0_ctms_web.log" <<'PYTHON'
import json, sys
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    sync = number % 10 == 0
    line = json.dumps({"Timestamp": number, "Type": "ctms.bin.acoustic_sync" if sync else "ctms.web", "Severity": 3 if sync else 6, "Pid": 1,
                       "Fields": {"path": '/"Severity": 0', "headers": {"host": "ctms.example.com"}, "msg": f"line {number}"}}, separators=(",", ":"))
    if number % 100 == 99:
        line = f"no JSON, line {number}"
    print(f"2026-01-01T00:00:00.000000000Z stderr F {line}")
PYTHON
}

count_received() { if [ -f "$scratch/received" ]; then wc -l <"$scratch/received"; else echo 0; fi; }
# Without lines that arrived again.
count_different() { if [ -f "$scratch/received" ]; then grep -o 'line [0-9]*' "$scratch/received" | sort -u | wc -l; else echo 0; fi; }

# wait_for COUNT: waits until so many different lines have arrived, or none has for a minute.
wait_for() {
    local last=-1 now since=$SECONDS
    while now=$(count_received) && { [ "$now" -lt "$1" ] || [ "$(count_different)" -lt "$1" ]; }; do
        if [ "$now" != "$last" ]; then last=$now since=$SECONDS; fi
        [ $((SECONDS - since)) -lt 60 ] || return 1
        sleep 0.2
    done
}

check_received() {
    python3 - "$scratch/received" "$lines" <<'PYTHON'
import re, sys
seen, wrong = {}, []
for line in open(sys.argv[1], encoding="utf-8"):
    number = int(re.search(r"line (\d+)", line)[1])
    seen[number] = seen.get(number, 0) + 1
    expected = "6 ctms no JSON" if number % 100 == 99 else '3 ctms-sync {"Timestamp"' if number % 10 == 0 else '6 ctms-web {"Timestamp"'
    if not line.startswith(expected):
        wrong.append(line.strip())
total = int(sys.argv[2])
missing = sorted(set(range(total)) - set(seen))
twice = sum(times - 1 for times in seen.values())
print(f"{total} lines written, {len(seen)} received, {len(missing)} missing, {twice} twice, {len(wrong)} in another form")
if missing or wrong:
    print("missing:", missing[:5], "wrong:", wrong[:2])
    sys.exit(1)
PYTHON
}

make_certificates
configure_receiver
configure_sender
rsyslogd -N1 -f "$scratch/sender.conf" >"$scratch/check" 2>&1 || { cat "$scratch/check" && die "rsyslog refuses rsyslog.conf"; }
start_receiver
rsyslogd -n -f "$scratch/sender.conf" -i "$scratch/sender.pid" >"$scratch/sender.log" 2>&1 &
sender=$!
began=$SECONDS
write_lines 0 $((lines / 3))
wait_for $((lines / 3)) || die "only $(count_different) of the first $((lines / 3)) lines arrived: $(tail -n 5 "$scratch/sender.log" "$scratch/receiver.log")"
end "$receiver"
write_lines $((lines / 3)) "$lines"
sleep "$away"
start_receiver
wait_for "$lines" || true
check_received || { tail -n 2 "$scratch/stats"; exit 1; }
say "logs: with the receiver away for $away s, it took $((SECONDS - began)) s; discarded: $(grep -o '"discarded.full": *[0-9]*' "$scratch/stats" | grep -o '[0-9]*$' | sort -n | tail -n 1)"
