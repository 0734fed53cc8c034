#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds Debian packages of the library and the programs. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/packaging/fresh_debian.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/deb.sh [--try]

Installs missing Debian packages, builds (presets deb and deb-static), puts the packages into build/packages, and
checks them with lintian and systemd-analyze. docs/packages.md describes the packages.

  --try   afterwards install the packages in a fresh Debian made by debootstrap, of this machine's release, run the
          programs there with an embedded PostgreSQL, and remove the packages again; needs root. Downloads are kept in build/debian;
          everything else is removed
  --help  print this text

Environment: CTMS_DEBIAN_MIRROR, for --try (default: this machine's mirror).
TEXT
}

try=no
while [ "$#" -gt 0 ]; do
    case $1 in
    --try) try=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift
done
if [ "$try" = yes ] && [ "$(id -u)" -ne 0 ]; then die "--try needs root"; fi

packages=$root/build/packages
scratch=$(mktemp -d /var/tmp/ctms-deb.XXXXXX)
chmod 755 "$scratch" # accounts of the fresh Debian must be able to enter it
trap 'rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
umask 022

# ---- the packages ----

make_packages() {
    local log=$scratch/cpack.log
    rm -rf "$packages"
    # The time of the commit, so that the same sources make the same packages.
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s) cpack --config build/deb/CPackConfig.cmake >"$log" 2>&1 || {
        cat "$log" >&2
        return 1
    }
    grep -E 'CMake (Warning|Error)' -A5 "$log" || true
    rm -rf "$packages/_CPack_Packages"
    (cd "$packages" && ls -sh1 -- *.deb)
}

check_packages() { lintian --fail-on error,warning --tag-display-limit 0 "$packages"/*.deb; }

# Checks the units, with the paths of programs replaced by those of the build.
check_units() {
    local unit exposure
    mkdir -p "$scratch/units" || return
    for unit in packaging/systemd/*.service; do
        sed "s#^ExecStart=/usr/bin/#ExecStart=$root/build/deb/bin/#" "$unit" >"$scratch/units/${unit##*/}" || return
    done
    # --recursive-errors=no also turns warnings, for instance about misspelt settings, into failures.
    systemd-analyze verify --man=no --recursive-errors=no "$scratch"/units/*.service || return
    for unit in "$scratch"/units/*.service; do
        exposure=$(systemd-analyze security --offline=true --no-pager --threshold=20 "$unit") || {
            say "$exposure"
            return 1
        }
        tail -n 1 <<<"$exposure"
    done
}

need_packages build deb
step "Configuring (preset deb)" configure deb
step "Building (preset deb)" build deb
step "Configuring (preset deb-static)" configure deb-static
step "Building (preset deb-static)" build deb-static ctms
step "Making packages" make_packages
step "Checking packages (lintian)" check_packages
step "Checking units (systemd-analyze)" check_units
if [ "$try" = no ]; then exit 0; fi

step "Trying the packages in a fresh Debian" try_packages "$(own_release)" "$packages" "$scratch/tree"
say "==> The packages work"
