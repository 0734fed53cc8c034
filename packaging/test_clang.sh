#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The build and the short tests with clang 14 instead of g++ 12, in build/clang. Its warnings are shown, not errors.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_packages build run
if ! command -v clang++-14 >/dev/null; then step "Installing clang-14" install_packages clang-14; fi
step "Configuring" cmake --preset release -B build/clang -DCMAKE_CXX_COMPILER=clang++-14 -DCTMS_WARNINGS_AS_ERRORS=OFF
step "Building" cmake --build build/clang --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(build_jobs)}"
ctest --test-dir build/clang --output-on-failure --no-tests=error --no-label-summary -j2 --timeout 300 -LE '^long$'
