#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Installs libctms, static and shared, into new directories, and builds and runs a project that uses each of them: with
# find_package, with pkg-config, with the sources as a subdirectory, and with an archive of the sources that FetchContent gets by its URL.
# Public headers may include only the standard library.
# Usage: tests/package/run.sh [BUILD-DIRECTORY]    of the static library; the shared one is built in build/shared
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
build=${1:-$root/build/release}

install_kind() { # KIND BUILD-DIRECTORY
    local component program
    for component in runtime development; do
        quietly cmake --install "$2" --prefix "$scratch/$1" --component $component
        quietly cmake --install "$2" --prefix "$scratch/both" --component $component
    done
    for component in runtime web sync admin; do
        quietly cmake --install "$2" --prefix "$scratch/programs-$1" --component $component
    done
    for program in ctms-web ctms-sync ctms-admin; do
        "$scratch/programs-$1/bin/$program" --version
        [ -s "$scratch/programs-$1/share/man/man1/$program.1" ] || die "$1: no manual page for $program"
    done
    # CMake before 3.23 knows only this property.
    grep -qr INTERFACE_INCLUDE_DIRECTORIES --include="ctms-$1-targets.cmake" "$scratch/$1" || die "$1: find_package gives no include directory"
    if [ -e "$scratch/$1/bin" ]; then die "$1: the library must not contain programs"; fi
    if [ -e "$scratch/programs-$1/include" ]; then die "$1: the programs must not contain headers"; fi
}

pkg_config_consumer() { # KIND PKG-CONFIG-OPTION...
    local kind=$1 folder flags
    shift
    folder=$(dirname "$(find "$scratch/$kind" -name ctms.pc)")
    read -ra flags <<<"$(PKG_CONFIG_PATH=$folder pkg-config "$@" --cflags --libs 'ctms >= 0.1')"
    quietly c++ -std=c++20 -o "$scratch/pkg-config-$kind" "$consumer/main.cpp" "${flags[@]}" -pthread
    LD_LIBRARY_PATH=${folder%/pkgconfig} runs "pkg-config-$kind" "$scratch/pkg-config-$kind"
}

# The shared library must export only its own symbols and have a versioned name.
check_symbols() {
    local library foreign count
    library=$(find "$scratch/shared" -name 'libctms.so.1')
    readelf -d "$library" | grep -q 'SONAME.*\[libctms\.so\.1\]' || die "the soname is not libctms.so.1"
    nm -D --defined-only "$library" | awk '{print $3}' >"$scratch/symbols"
    count=$(wc -l <"$scratch/symbols")
    [ "$count" -gt 100 ] || die "the shared library exports only $count symbols"
    foreign=$(awk '!/^_Z(N|NK|TIN|TSN|TVN)4ctms/' "$scratch/symbols" | c++filt)
    [ -z "$foreign" ] || die "the shared library exports foreign symbols: $foreign"
    printf 'shared: %s exported symbols\n' "$count"
}

quietly cmake --preset shared -DCTMS_API_PAGES=OFF # its programs are only linked
quietly cmake --build --preset shared
install_kind shared build/shared
install_kind static "$build" # last: its ctms.pc works for both
check_symbols

cmake_consumer both-shared -DCMAKE_PREFIX_PATH="$scratch/both" -DKIND=shared
cmake_consumer both-static -DCMAKE_PREFIX_PATH="$scratch/both" -DKIND=static
# Programs that link the shared library need no other library: neither its package nor its headers.
unneeded=()
for name in Boost fmt OpenSSL pugixml PkgConfig; do unneeded+=("-DCMAKE_DISABLE_FIND_PACKAGE_$name=ON"); done
cmake_consumer shared-only -DCMAKE_PREFIX_PATH="$scratch/shared" "${unneeded[@]}"
quietly packaging/dev/check_includes.py --installed "$scratch/shared/include"
cmake_consumer static-only -DCMAKE_PREFIX_PATH="$scratch/static"
if configure none -DCMAKE_PREFIX_PATH="$scratch/static" -DKIND=shared >/dev/null 2>&1; then die "found a kind that is not installed"; fi
pkg_config_consumer shared
pkg_config_consumer static --static

# In a directory next to the other builds, so that ccache recognizes the library's objects whatever the source path.
builds=$root/build
cmake_consumer consumer -DCTMS_SOURCE="$root"

# First as documented. What was fetched is then built in a directory that is at the same place as those above, for ccache again.
fetched=$scratch/fetched/ctms-src
archive=$scratch/ctms-0.1.0.tar.gz
tar -czf "$archive" --exclude-vcs --exclude=./build --exclude=./ctms-data --transform 's,^\.,ctms-0.1.0,' .
read -r sum _ < <(sha256sum "$archive")
builds=$scratch
if configure damaged -DCTMS_URL="file://$archive" -DCTMS_SHA256="$(printf '0%.0s' {1..64})" >/dev/null 2>&1; then
    die "an archive with a wrong checksum was used"
fi
quietly configure fetching -DCTMS_URL="file://$archive" -DCTMS_SHA256="$sum" -DFETCHCONTENT_BASE_DIR="$scratch/fetched"
[ -f "$fetched/libctms/CMakeLists.txt" ] || die "the archive was not fetched"
builds=$fetched/build
CCACHE_BASEDIR=$fetched cmake_consumer fetched -DCTMS_URL="file://$archive" -DCTMS_SHA256="$sum" -DFETCHCONTENT_SOURCE_DIR_CTMS="$fetched"
