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
  basics      builds the programs and the tests with the labels unit, db and http, with warnings as errors, and runs these tests
  test        packaging/test.sh with the options after `--`: installs packages, builds, runs the tests
  clang       packaging/dev/test_clang.sh, and again with --libcxx
  arm64       builds the programs and the unit tests for arm64 with Debian's cross compiler, and runs these tests with qemu
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
    quickstart | basics | test | clang | arm64 | deb) ;;
    upgrade) [ "$release" != 12 ] || die "Debian 12 has only one PostgreSQL; use upgrade with a later release" ;;
    *) die "'$action' is none of the actions: quickstart, basics, test, clang, arm64, deb, upgrade" ;;
    esac
done
need_packages stages
obstacle=$(why_no_debian "$release")
[ -z "$obstacle" ] || die "$obstacle"
mkdir -p "$(ccache -k cache_dir)" # in_debian passes it on

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

# The short tests that show whether the compiler, the libraries and PostgreSQL fit.
try_basics() {
    # shellcheck disable=SC2016  # for the inner shell
    # These tests do not need the pages of the API, and so neither npm, which CI wants otherwise.
    there /bin/bash -uc '. /src/packaging/lib.sh
        CI= need_packages build run
        step "Configuring" configure release -DCTMS_API_PAGES=OFF &&
        step "Building" build release ctms-web ctms-sync ctms-admin ctms_unit_tests ctms_db_tests ctms_service_tests ctms_http_tests || exit
        status=0
        run_tests build/release -L "^(unit|db|http)$" -LE "^long$" || status=$?
        print_test_summary
        exit "$status"'
}

# The libraries of both architectures are installed side by side. Two of their packages contain the same manual pages, and differ in them.
try_arm64() {
    # shellcheck disable=SC2016  # for the inner shell
    there /bin/bash -uc '. /src/packaging/lib.sh
        CI= need_packages build
        libraries=()
        while IFS= read -r entry; do
            name=$(first_of available_version "$entry")
            case $name in *-dev) libraries+=("$name:arm64") ;; esac
        done < <(packages_of build | grep -v -e ^doctest -e ^libvalijson)
        add() {
            dpkg --add-architecture arm64 && apt_get_quietly update &&
                apt_get_quietly install -y --no-install-recommends -o Dpkg::Options::=--force-overwrite \
                    crossbuild-essential-arm64 qemu-user pkgconf:arm64 "${libraries[@]}"
        }
        step "Installing the cross compiler and ${#libraries[@]} libraries" add &&
        step "Configuring" configure release -B build/arm64 -DCTMS_API_PAGES=OFF -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
            -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu \
            -DPKG_CONFIG_EXECUTABLE=/usr/bin/aarch64-linux-gnu-pkg-config -DCMAKE_CROSSCOMPILING_EMULATOR=/usr/bin/qemu-aarch64 &&
        step "Building" cmake --build build/arm64 --parallel "$(build_jobs)" --target ctms-web ctms-sync ctms-admin ctms_unit_tests || exit
        status=0
        # qemu ignores limits of the address space, which this test sets.
        run_tests build/arm64 -L "^unit$" -E "hashed only if that leaves some memory" || status=$?
        print_test_summary
        exit "$status"'
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
    basics) try_basics ;;
    test) limit=14400 there /src/packaging/test.sh "${@:2}" ;;
    clang) limit=14400 there /src/packaging/dev/test_clang.sh && limit=14400 there /src/packaging/dev/test_clang.sh --libcxx ;;
    arm64) limit=14400 try_arm64 ;;
    deb) there /src/packaging/deb.sh && try_packages "$release" "$tree/src/build/packages" "$tree-packages" ;;
    upgrade) try_upgrade ;;
    esac
}

step "A fresh Debian $release" make_tree
for action in "${actions[@]}"; do
    step "Debian $release: $action" act "$action" "$@"
done
