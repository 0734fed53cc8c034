# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# Shared by the tests of this folder. Source this file. It makes a new directory, `scratch`, which is removed at the end, and changes to
# the checkout, `root`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
consumer=$root/tests/package/consumer
scratch=$(mktemp -d /var/tmp/ctms-package.XXXXXX)
builds=$scratch
chmod 711 "$scratch" # the embedded PostgreSQL's account must be able to enter it
cd "$root"
# The objects of the build's library are used again: the same compiler, options, and places relative to the build folder.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}
as_release=(-G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG"
    "-DCMAKE_CXX_FLAGS=-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2" -DCTMS_WARNINGS_AS_ERRORS=ON
    -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)")

finish() {
    for _ in {1..100}; do # a database stops on its own soon after its last user
        if ! compgen -G "$scratch/data-*/*/postmaster.pid" >/dev/null; then break; fi
        sleep 0.1
    done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# quietly COMMAND...: prints the output only when the command fails.
quietly() {
    "$@" >"$scratch/log" 2>&1 || {
        cat "$scratch/log" >&2
        die "failed: $*"
    }
}

# runs NAME PROGRAM: runs the program with its own database.
runs() {
    local said
    said=$(timeout 120 "$2" "$scratch/data-$1") || die "$1: the program failed: $said"
    [[ $said == "ctms "*": jane@example.com" ]] || die "$1: the program said: $said"
    printf '%s: %s\n' "$1" "$said"
}

configure() { # NAME CMAKE-OPTION...
    local name=$1
    shift
    cmake -S "$consumer" -B "$builds/$name" "${as_release[@]}" "$@"
}

cmake_consumer() { # NAME CMAKE-OPTION...
    quietly configure "$@"
    quietly cmake --build "$builds/$1" --target consumer
    runs "$1" "$builds/$1/consumer"
}
