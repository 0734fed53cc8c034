#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# packaging/deb.sh --try runs this inside a fresh Debian, as root, with the packages in /packages. It installs them, runs the
# programs as the account ctms, and removes them. Ends with 0 if everything is as docs/packages.md says.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

die() {
    printf 'try: %s\n' "$*" >&2
    if [ -s /var/tmp/web.log ]; then tail -n 30 /var/tmp/web.log >&2; fi
    exit 1
}

# quietly COMMAND...: runs the command and prints its output only if it fails.
quietly() { "$@" >/var/tmp/log 2>&1 || { tail -n 40 /var/tmp/log >&2 && die "failed: $*"; }; }

# is WHAT EXPECTED ACTUAL: fails unless the actual value is the expected one.
is() { [ "$2" = "$3" ] || die "$1 is '$3' instead of '$2'"; }

account=(setpriv --reuid=ctms --regid=ctms --init-groups env HOME=/var/lib/ctms)
as_ctms() { "${account[@]}" CTMS_DATA_DIR=/var/lib/ctms/data "$@"; }

apt_get() { quietly apt-get -qq -y -o Acquire::Retries=3 -o APT::Keep-Downloaded-Packages=true "$@"; }

install_packages() {
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # no services
    chmod 755 /usr/sbin/policy-rc.d
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/none.conf
    apt_get update
    apt_get install --no-install-recommends curl postgresql /packages/*.deb
    is "the account's folder" /var/lib/ctms "$(getent passwd ctms | cut -d: -f6)"
    is "the mode of the folder" "750 ctms:ctms" "$(stat -c '%a %U:%G' /var/lib/ctms)"
    is "the mode of the settings" "640 root:ctms" "$(stat -c '%a %U:%G' /etc/ctms/ctms.env)"
    is "the list of settings set by default" "" "$(grep -v -e '^#' -e '^$' /etc/ctms/ctms.env || true)"
    [ -e /lib/systemd/system/ctms-web.service ] || die "no unit"
    [ ! -e /etc/systemd/system/multi-user.target.wants/ctms-web.service ] || die "the service is enabled"
    echo "installed: $(dpkg-query -W -f '${Package} ${Version}, ' 'ctms*' 'libctms*')"
}

# Checks that the settings survive another installation of the packages.
install_again() {
    echo 'CTMS_USE_MOZLOG=true' >>/etc/ctms/ctms.env
    quietly dpkg -i --force-confold /packages/*.deb
    is "the setting after an upgrade" CTMS_USE_MOZLOG=true "$(tail -n 1 /etc/ctms/ctms.env)"
    is "the mode after an upgrade" "640 root:ctms" "$(stat -c '%a %U:%G' /etc/ctms/ctms.env)"
    echo "installed again: the settings are kept"
}

refuses_without_settings() {
    local status=0
    "${account[@]}" ctms-web >/var/tmp/web.log 2>&1 || status=$?
    is "the exit code of ctms-web without settings" 78 "$status"
}

web=
port=
start_web() {
    local deadline=$((SECONDS + 60))
    port=$((20000 + RANDOM % 5000))
    local ops_port=$((port + 5000))
    # Not in a function, so that the signal reaches the program instead of a shell around it.
    "${account[@]}" CTMS_DATA_DIR=/var/lib/ctms/data HOST=127.0.0.1 PORT=$port CTMS_OPS_PORT=$ops_port ctms-web --embedded >/var/tmp/web.log 2>&1 &
    web=$!
    until curl -sf -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$port/__heartbeat__"; do
        kill -0 "$web" 2>/dev/null || die "ctms-web ended"
        [ "$SECONDS" -lt "$deadline" ] || die "no heartbeat within 60 s"
        sleep 0.2
    done
    curl -sf -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$ops_port/metrics" || die "CTMS_OPS_PORT does not serve metrics"
    is "the account of ctms-web" ctms "$(stat -c %U "/proc/$web")"
    echo "ctms-web runs as ctms"
}

call() { # PATH CURL-OPTION...
    local path=$1
    shift
    curl -sS --fail-with-body --noproxy '*' --max-time 30 "http://127.0.0.1:$port$path" "$@" || die "$path failed"
}

# member NAME: prints the value of a string member of the JSON on standard input.
member() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1; }

use_programs() {
    local client secret token status=0
    client=$(as_ctms ctms-admin --embedded --json clients create deb -e you@example.com)
    secret=$(member client_secret <<<"$client")
    token=$(call /token -d grant_type=client_credentials -d client_id=id_deb --data-urlencode "client_secret=$secret" | member access_token)
    call /ctms -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' \
        -d '{"email": {"primary_email": "jane@example.com"}}'
    is "the contact" jane@example.com \
        "$(call '/ctms?primary_email=jane@example.com' -H "Authorization: Bearer $token" | member primary_email)"
    echo "a contact was created and read"
    quietly as_ctms ctms-admin --embedded migrate --check
    quietly acoustic_fields --help
    quietly as_ctms ctms-sync --help
    as_ctms ctms-sync --check-health >/var/tmp/log 2>&1 || status=$?
    is "the exit code of ctms-sync --check-health without a health file" 1 "$status"
    status=0
    as_ctms ctms-sync >/var/tmp/log 2>&1 || status=$?
    is "the exit code of ctms-sync without CTMS_ACOUSTIC_SYNC_FEATURE_FLAG" 78 "$status"
    echo "ctms-admin and ctms-sync work"
}

# command_of UNIT NAME: prints a shell command of an installed unit, without systemd's quoting of `$`.
command_of() {
    local line
    line=$(sed -n "s#^$2=/bin/sh -c '\\(.*\\)'\$#\\1#p" "/lib/systemd/system/$1.service")
    [ -n "$line" ] || die "$1 has no $2"
    printf '%s\n' "${line//\$\$/\$}"
}

# Runs the commands by which the units wait for the schema, in the cases in which they must and must not start the program.
wait_for_schema() {
    local unit url check setting expected status
    url=$(as_ctms ctms-admin --embedded db url)
    quietly as_ctms ctms-admin --embedded db psql -c 'create database without_schema'
    for unit in ctms-web ctms-sync; do
        check=$(command_of $unit ExecStartPre)
        for setting in "0 CTMS_USE_MOZLOG=true" "0 CTMS_DB_URL=$url" "0 CTMS_DB_URL=wrong" "1 CTMS_DB_URL=postgresql://ctms@127.0.0.1:1/ctms" \
            "1 CTMS_DB_URL=${url/\/ctms\?//without_schema?}"; do
            expected=${setting%% *}
            status=0
            "${account[@]}" "${setting#* }" sh -c "$check" >/var/tmp/log 2>&1 || status=$?
            is "the status of $unit's ExecStartPre with ${setting#* }" "$expected" "$status"
        done
    done
    echo "the units start their programs when the schema fits, and leave wrong settings to them"
}

stop_web() {
    local status=0
    kill -TERM "$web"
    wait "$web" || status=$?
    is "the exit code of ctms-web" 0 "$status"
    "${account[@]}" CTMS_DATA_DIR=/var/lib/ctms/data sh -c "$(command_of ctms-web ExecStopPost)"
    [ -z "$(find /var/lib/ctms/data -name postmaster.pid)" ] || die "the embedded database is still running"
}

remove_packages() {
    local names=(ctms-web ctms-sync ctms-admin libctms-dev libctms1)
    apt_get remove "${names[@]}"
    [ ! -e /usr/bin/ctms-web ] || die "ctms-web is still there"
    [ -e /etc/ctms/ctms.env ] || die "the settings are gone before a purge"
    quietly dpkg --purge "${names[@]}" # apt does not purge packages that have already left nothing behind
    [ ! -e /etc/ctms ] || die "the settings are still there"
    [ -d /var/lib/ctms/data ] || die "the data is gone with the package"
    is "the list of remaining packages" "" "$(dpkg-query -W -f '${Package} ' 'ctms*' 'libctms*' 2>/dev/null || true)"
    is "the list of remaining units" "" "$(find /etc/systemd /var/lib/systemd -name 'ctms*' 2>/dev/null || true)"
    echo "removed: the purge deleted the settings and kept the data"
}

install_packages
refuses_without_settings
install_again
start_web
use_programs
wait_for_schema
stop_web
remove_packages
