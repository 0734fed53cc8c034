#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The API's pages cannot go missing in CI: `configure` requests them there, and a build that cannot fetch them fails.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Prints the options that `configure release MORE...` passes to CMake when CI is $1.
options() (
    export CI=$1
    shift
    cmake() { printf '%s\n' "$*" >"$scratch/options"; }
    configure release "$@"
    cat "$scratch/options"
)
[[ "$(options true)" == *" -DCTMS_API_PAGES=ON"* ]] || die "the pages are not requested in CI"
[[ "$(options false)" != *CTMS_API_PAGES* ]] || die "the pages are requested outside CI"
# CMake uses the last one, so a build can opt out of the pages.
[[ "$(options true -DCTMS_API_PAGES=OFF)" == *"=ON"*"=OFF" ]] || die "the caller's option does not come last"

# A project with only the CMake file of the pages, and an npm that fails.
cat >"$scratch/CMakeLists.txt" <<TEXT
cmake_minimum_required(VERSION 3.25)
project(pages LANGUAGES NONE)
list(APPEND CMAKE_MODULE_PATH "$root/cmake")
add_subdirectory("$root/apps/web/assets" assets)
TEXT
if cmake -G Ninja -S "$scratch" -B "$scratch/build" -DCTMS_API_PAGES=ON -DCTMS_NPM=/bin/false >"$scratch/log" 2>&1; then
    die "a build that cannot fetch the requested pages does not fail"
fi
grep -q 'CTMS_API_PAGES is ON, but' <(tr -s ' \n' ' ' <"$scratch/log") || {
    cat "$scratch/log"
    die "the failure does not say what is wrong"
}
say "The pages cannot go missing in CI"
