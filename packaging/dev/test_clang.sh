#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds with clang 14 instead of g++ 12, in build/clang, and runs the short tests.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

need_packages build run clang
step "Configuring" configure release -B build/clang -DCMAKE_CXX_COMPILER=clang++-14
step "Building" cmake --build build/clang --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(build_jobs)}"
status=0
run_tests build/clang -LE '^long$' || status=$?
print_test_summary
exit "$status"
