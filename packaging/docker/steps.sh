#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The steps that make the image, one function each. The Dockerfile runs them in its stages, and stages.sh runs them in
# folders. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/docker/steps.sh STEP [ARGUMENT]

Steps for building, as root on Debian 12, in this order:
  build-packages     installs the packages that the build needs
  build DIR          builds the programs and installs them under DIR/usr/local
  build-fake DIR     does the same with fake-acoustic, the fake email vendor
  libraries DIR      writes the names of the packages that these programs need to DIR/packages

Steps in the system that runs the programs:
  run-packages FILE  installs the packages that FILE lists
  account            creates the account ctms, 10001, and its folder /app
  version-file FILE  writes version.json from COMMIT, VERSION, IMAGE_TAG, SOURCE and BUILD

Environment: CTMS_API_PAGES, ON by default: the build fails if the API's pages cannot be fetched.
TEXT
}

build_packages() { need_packages build pages; }

build_programs() {
    local dir=$1
    # With CTMS_INSTALL=OFF the library is not installed, so that `cmake --install` installs only the programs.
    step "Configuring" configure release -DCTMS_BUILD_TESTS=OFF -DCTMS_INSTALL=OFF -DCMAKE_INSTALL_PREFIX=/usr/local \
        -DCMAKE_INSTALL_MESSAGE=NEVER -DCTMS_API_PAGES="${CTMS_API_PAGES:-ON}"
    step "Building" build release
    DESTDIR=$dir cmake --install build/release --strip
}

# fake-acoustic is a part of the tests, so CMake does not install it.
build_fake() {
    local dir=$1
    step "Configuring" configure release -DCTMS_BUILD_TESTS=ON -DCTMS_API_PAGES="${CTMS_API_PAGES:-ON}"
    step "Building" build release fake-acoustic
    install -D -s -m 755 build/release/bin/fake-acoustic "$dir/usr/local/bin/fake-acoustic"
}

# Finds the package of each shared library that a program needs directly; apt adds the dependencies of these packages.
libraries() {
    local dir=$1 program
    find "$dir/usr/local/bin" -type f ! -name '*.py' | while IFS= read -r program; do
        objdump -p "$program" | awk '$1 == "NEEDED" && $2 !~ /^ld-linux/ {print $2}' | while IFS= read -r name; do
            package_of "$(ldd "$program" | awk -v name="$name" '$1 == name {print $3}')"
        done
    done | sort -u >"$dir/packages"
    [ -s "$dir/packages" ] || die "found no libraries; are there programs in $dir/usr/local/bin?"
}

# The linker may find a library in /lib while dpkg lists it in /usr/lib, or the other way round.
package_of() {
    local path
    [ -n "$1" ] || die "a library is not installed on this system"
    for path in "$1" "/usr$1" "${1#/usr}"; do
        if dpkg-query -S "$path" 2>/dev/null | sed 's/:.*//'; then return; fi
    done
    die "no package contains the library '$1'"
}

# Debian may have fixed packages of the base image since that was made. ca-certificates is needed for TLS connections to Google, Acoustic
# and Sentry.
run_packages() {
    local names
    mapfile -t names <"$1"
    apt_get_quietly update
    apt_get_quietly upgrade -y
    apt_get_quietly install -y --no-install-recommends ca-certificates "${names[@]}"
    rm -rf /var/lib/apt/lists/*
}

account() {
    groupadd --gid 10001 ctms
    useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /app --shell /usr/sbin/nologin ctms
    install -d -m 755 /app
}

# The values come from the build pipeline, but a quote in one would make every response of /__version__ invalid.
version_file() {
    local name value text=
    for name in COMMIT VERSION IMAGE_TAG SOURCE BUILD; do
        value=${!name:-}
        [[ $value =~ ^[A-Za-z0-9._:/@+~?=\&#-]*$ ]] || die "$name contains characters that are not allowed"
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
