#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds with clang instead of g++ and runs the short tests. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/dev/test_clang.sh [--libcxx]

Builds in build/clang with clang 14, or with clang 19 where there is no clang 14 (Debian 13), and runs the tests without the label `long`.

  --libcxx  instead compile libctms with clang 19 and its own standard library, libc++, in build/libcxx. Nothing is linked, because the
            system's Boost, fmt and libpqxx are built for the compiler's usual standard library
  --help    print this text
TEXT
}

libcxx=no
case ${1:-} in
'') ;;
--libcxx) libcxx=yes ;;
--help | -h)
    usage
    exit 0
    ;;
*)
    usage >&2
    exit 64
    ;;
esac

# build_with FOLDER COMPILER TARGET [CMAKE-OPTION...]
build_with() {
    step "Configuring" configure release -B "build/$1" -DCMAKE_CXX_COMPILER="$2" "${@:4}"
    step "Building" cmake --build "build/$1" --target "$3" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(build_jobs)}"
}

if [ "$libcxx" = yes ]; then
    need_packages build libcxx
    # std::jthread and std::stop_token are experimental in this version of libc++.
    build_with libcxx clang++-19 ctms "-DCMAKE_CXX_FLAGS=-stdlib=libc++ -fexperimental-library" -DCTMS_API_PAGES=OFF
    exit 0
fi
need_packages build run clang
compiler=clang++-14
if ! command -v "$compiler" >/dev/null; then compiler=clang++-19; fi
build_with clang "$compiler" all
status=0
run_tests build/clang -LE '^long$' || status=$?
print_test_summary
exit "$status"
