#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds and tries CTMS in a fresh Debian 12 or 13. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/packaging/fresh_debian.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/on_debian.sh [--dir DIR] [--keep] RELEASE ACTION... [-- OPTION...]

Makes a fresh Debian RELEASE (12 or 13) in a folder with debootstrap, copies the checkout into it, and runs the
actions there, in the given order:

  quickstart  packaging/quickstart.sh --once: installs packages, builds, starts a server, runs the printed commands
  test        packaging/test.sh with the options after `--`: installs packages, builds, runs the tests
  deb         packaging/deb.sh; then installs and tries the packages in a second fresh system of that release
  upgrade     tests/upgrade/run.sh: ctms-admin db upgrade, with the PostgreSQL of Debian 12 and that of RELEASE

Needs root, and 3 GB of disk space. Uses this machine's ccache. Downloads are kept in build/debian.

  --dir DIR  directory of the system (default: a new one in /var/tmp)
  --keep     do not remove the system afterwards
  --help     print this text

Environment: CTMS_DEBIAN_MIRROR (default: this machine's mirror); CI, CMAKE_BUILD_PARALLEL_LEVEL, for the actions.
TEXT
}

dir=
keep=no
actions=()
while [ "$#" -gt 0 ]; do
    case $1 in
    --dir)
        [ "$#" -ge 2 ] || die "--dir needs a value"
        dir=$2
        shift
        ;;
    --keep) keep=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    -*)
        usage >&2
        exit 64
        ;;
    *) actions+=("$1") ;;
    esac
    shift
done
release=${actions[0]:-}
actions=("${actions[@]:1}")
if [ "${#actions[@]}" -eq 0 ]; then
    usage >&2
    exit 64
fi
for action in "${actions[@]}"; do
    case $action in
    quickstart | test | deb) ;;
    upgrade) [ "$release" != 12 ] || die "Debian 12 has only one PostgreSQL; use upgrade with a later release" ;;
    *) die "'$action' is none of the actions: quickstart, test, deb, upgrade" ;;
    esac
done
obstacle=$(why_no_debian "$release")
[ -z "$obstacle" ] || die "$obstacle"
need_packages stages

made=
if [ -z "$dir" ]; then
    dir=$(mktemp -d /var/tmp/ctms-debian.XXXXXX)
    made=yes
else
    dir=$(cd "$called_from" && realpath -m "$dir")
fi
tree=$dir/$release
if [ -e "$tree" ] && ! [ -e "$tree/.ctms-debian" ]; then die "$tree exists, but this script did not create it"; fi
clean_up() {
    if [ "$keep" = yes ]; then
        say "==> Kept: $tree"
        return
    fi
    rm -rf --one-file-system "$tree" "$tree-packages"
    if [ -n "$made" ]; then rmdir "$dir"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

make_tree() {
    fresh_debian "$release" "$tree" && touch "$tree/.ctms-debian" && chmod 755 "$dir" && copy_sources "$tree/src"
}

there() {
    local name settings=()
    for name in CI CMAKE_BUILD_PARALLEL_LEVEL; do
        if [ -n "${!name:-}" ]; then settings+=("$name=${!name}"); fi
    done
    in_debian "$tree" "${settings[@]}" "$@"
}

# As on a machine that was upgraded from Debian 12: its PostgreSQL is still installed.
try_upgrade() {
    debian_sources 12 >"$tree/etc/apt/sources.list.d/older.list" &&
        printf 'Package: *\nPin: release n=bookworm*\nPin-Priority: 100\n' >"$tree/etc/apt/preferences.d/older" || return
    # shellcheck disable=SC2016  # for the inner shell
    there /bin/bash -euc '. /src/packaging/lib.sh
        need_packages build run
        step "Configuring" configure release
        step "Building" build release ctms-admin
        step "Installing the older PostgreSQL" install_packages postgresql-15
        tests/upgrade/run.sh build/release/bin'
}

act() {
    case $1 in
    quickstart) there /src/packaging/quickstart.sh --once --port 0 ;;
    test) there /src/packaging/test.sh "${@:2}" ;;
    deb) there /src/packaging/deb.sh && try_packages "$release" "$tree/src/build/packages" "$tree-packages" ;;
    upgrade) try_upgrade ;;
    esac
}

step "A fresh Debian $release" make_tree
for action in "${actions[@]}"; do
    step "Debian $release: $action" act "$action" "$@"
done
