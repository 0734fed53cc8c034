#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The steps of which the image is made, one function each: the Dockerfile runs them in its stages, stages.sh in folders
# of its own. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/docker/steps.sh STEP [ARGUMENT]

To build, as root on Debian 12, in this order:
  build-packages     installs what the build needs
  build DIR          builds the programs and installs them under DIR/usr/local
  build-fake DIR     the same with fake-acoustic, the stand-in for the email vendor
  libraries DIR      writes the names of the packages that these programs need to DIR/packages

In the system that runs them:
  run-packages FILE  installs the packages that FILE names
  account            makes the account ctms, 10001, and its folder /app
  version-file FILE  writes version.json from COMMIT, VERSION, IMAGE_TAG, SOURCE and BUILD

Environment: CTMS_API_PAGES, ON by default: an image whose API pages could not be fetched is not built.
TEXT
}

build_packages() { need_packages build pages; }

build_programs() {
    local dir=$1
    # Without the library's own installation, what is left to install are the programs, whatever their components.
    step "Configuring" configure release -DCTMS_BUILD_TESTS=OFF -DCTMS_INSTALL=OFF -DCMAKE_INSTALL_PREFIX=/usr/local \
        -DCMAKE_INSTALL_MESSAGE=NEVER -DCTMS_API_PAGES="${CTMS_API_PAGES:-ON}"
    step "Building" build release
    DESTDIR=$dir cmake --install build/release --strip
}

# Part of the tests, and so not installed by CMake.
build_fake() {
    local dir=$1
    step "Configuring" configure release -DCTMS_BUILD_TESTS=ON -DCTMS_API_PAGES="${CTMS_API_PAGES:-ON}"
    step "Building" build release fake-acoustic
    install -D -s -m 755 build/release/bin/fake-acoustic "$dir/usr/local/bin/fake-acoustic"
}

# The package of each shared library that a program names itself; apt adds what these need in turn.
libraries() {
    local dir=$1 program
    find "$dir/usr/local/bin" -type f | while IFS= read -r program; do
        objdump -p "$program" | awk '$1 == "NEEDED" && $2 !~ /^ld-linux/ {print $2}' | while IFS= read -r name; do
            package_of "$(ldd "$program" | awk -v name="$name" '$1 == name {print $3}')"
        done
    done | sort -u >"$dir/packages"
    [ -s "$dir/packages" ] || die "found no libraries: are the programs there?"
}

# A library is found in /lib, and dpkg may know it in /usr/lib, or the other way round.
package_of() {
    local path
    [ -n "$1" ] || die "a library is missing here"
    for path in "$1" "/usr$1" "${1#/usr}"; do
        if dpkg-query -S "$path" 2>/dev/null | sed 's/:.*//'; then return; fi
    done
    die "no package has the library '$1'"
}

# ca-certificates: TLS to Google, Acoustic and Sentry.
run_packages() {
    local names
    mapfile -t names <"$1"
    apt_get_quietly update
    apt_get_quietly install -y --no-install-recommends ca-certificates "${names[@]}"
    rm -rf /var/lib/apt/lists/*
}

account() {
    groupadd --gid 10001 ctms
    useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /app --shell /usr/sbin/nologin ctms
    install -d -m 755 /app
}

# The values come from the build's own pipeline, but a quote would make every answer of /__version__ invalid.
version_file() {
    local name value text=
    for name in COMMIT VERSION IMAGE_TAG SOURCE BUILD; do
        value=${!name:-}
        [[ $value =~ ^[A-Za-z0-9._:/@+~?=\&#-]*$ ]] || die "$name has characters that do not belong there"
        text+="${text:+,}\"${name,,}\":\"$value\""
    done
    printf '{%s}\n' "$text" >"$1"
}

[ "$#" -ge 1 ] || { usage >&2; exit 64; }
case "$1:$#" in
build-packages:1) build_packages ;;
build:2) build_programs "$2" ;;
build-fake:2) build_fake "$2" ;;
libraries:2) libraries "$2" ;;
run-packages:2) run_packages "$2" ;;
account:1) account ;;
version-file:2) version_file "$2" ;;
--help:1 | -h:1) usage ;;
*)
    usage >&2
    exit 64
    ;;
esac
