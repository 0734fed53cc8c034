#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds everything and runs the tests. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/packaging/fresh_debian.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/test.sh [--all] [--asan] [--tsan] [-- CTEST-OPTION...]

Installs the Debian packages that are missing, builds the programs and the tests (preset release), and runs
all tests but those labelled `long`. The last lines are CTest's summary.

  --all    also the tests labelled `long`, packaging/quickstart.sh --once, and what is deployed, tried in a fresh
           Debian: packaging/deb.sh --try, packaging/docker/stages.sh (left out where root, namespaces or a mirror
           are missing, but not where CI=true)
  --asan   build with the address and undefined behaviour sanitizers and run the tests there, instead of in release
  --tsan   the same with the thread sanitizer
           With --all, --asan and --tsan come in addition to release.
  --help   this text

What follows `--` goes to ctest, for example: packaging/test.sh -- -L unit -R uuid
TEXT
}

all=no
presets=()
while [ "$#" -gt 0 ]; do
    case $1 in
    --all) all=yes ;;
    --asan) presets+=(asan) ;;
    --tsan) presets+=(tsan) ;;
    --help | -h)
        usage
        exit 0
        ;;
    --)
        shift
        break
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift
done
if [ "$all" = yes ] || [ "${#presets[@]}" -eq 0 ]; then presets+=(release); fi # last, for its closing lines
if [ "$all" = yes ]; then selection=(); else selection=(-LE '^long$'); fi
selection+=("$@")

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}

run_ctest() {
    local preset=$1 launcher=()
    # GCC 12's thread sanitizer cannot cope with the many random bits of address layout that newer kernels use.
    if [ "$preset" = tsan ] && setarch "$(uname -m)" -R true 2>/dev/null; then launcher=(setarch "$(uname -m)" -R); fi
    "${launcher[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --no-label-summary \
        -j2 --timeout 300 "${selection[@]}"
}

failed=()

# try_deployed TITLE COMMAND...: what is deployed, where a fresh Debian can be made.
try_deployed() {
    local title=$1 missing
    shift
    missing=$(why_no_debian)
    if [ -z "$missing" ]; then
        step "$title" "$@" || failed+=("$title")
    elif [ "${CI:-}" = true ]; then
        say "==> $title: not possible here: $missing"
        failed+=("$title")
    else
        say "==> Left out: $title: $missing"
    fi
}

groups=(build run)
if [ "$all" = yes ]; then
    # By program, not by package: Node.js from elsewhere brings its own npm, beside which Debian's cannot be installed.
    command -v npm >/dev/null || groups+=(pages)
    command -v chromium >/dev/null || groups+=(browser)
    command -v promtool >/dev/null || groups+=(metrics)
fi
need_packages "${groups[@]}"
for preset in "${presets[@]}"; do
    step "Configuring (preset $preset)" configure "$preset" || exit 1
    step "Building (preset $preset)" build "$preset" || exit 1
done

if [ "$all" = yes ]; then
    step "Smoke test: packaging/quickstart.sh --once" "$root/packaging/quickstart.sh" --once --port 0 || failed+=("quickstart.sh --once")
    # After the build, of which ccache shares with them what it can.
    try_deployed "Debian packages: packaging/deb.sh --try" packaging/deb.sh --try
    try_deployed "Image: packaging/docker/stages.sh" packaging/docker/stages.sh --dir build/stages --remove
    # Place for further parts of the long run (fuzzing for a minute each, kill rounds): add them here, before CTest.
fi

for preset in "${presets[@]}"; do
    say "==> Running the tests (preset $preset)"
    run_ctest "$preset" || failed+=("tests of preset $preset")
done

# Nothing is printed after CTest's summary unless something failed.
if [ "${#failed[@]}" -gt 0 ]; then
    printf '==> Failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
