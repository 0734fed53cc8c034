#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Builds everything and runs the tests. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$root/packaging/fresh_debian.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/test.sh [--long | --all | --nightly [--here]] [--asan] [--tsan] [-- CTEST-OPTION...]

Installs missing Debian packages, builds the programs and the tests (preset release), and runs all tests except
those labelled `long`. The last lines of the output are CTest's summary.

  --long     also run the tests labelled `long`
  --all      --long; packaging/quickstart.sh --once; in a fresh Debian,
             packaging/deb.sh --try and packaging/docker/stages.sh (left out if root, namespaces or a mirror are
             missing)
  --nightly  tests that are too slow for CI: --all with --asan and --tsan, the whole of packaging/dev/lint.sh, 5 minutes
             of fuzzing per target (packaging/fuzz.sh), the fault tests 5 times, 5 rounds of every history,
             packaging/soak.sh for 20 minutes, packaging/logging/try.sh with a million lines, and in a fresh Debian 13 the
             quickstart, --long, the packages, the upgrade of PostgreSQL, and the tests with clang 19
             (packaging/on_debian.sh)
  --here     with --nightly, leave out what needs Debian 13
  --asan     build and test with the address and undefined behaviour sanitizers instead of preset release
  --tsan     build and test with the thread sanitizer instead of preset release
             With --all, --asan and --tsan run in addition to preset release.
  --help     print this text

With CI=true, nothing may be left out: a skipped test, a part that cannot run here, and a build without the API's
pages are failures.

Everything after `--` is passed to ctest, for example: packaging/test.sh -- -L unit -R uuid
TEXT
}

all=no
long=no
nightly=no
here=no
fuzz_seconds=300
fault_rounds=5
history_rounds=5
soak_minutes=20
presets=()
add_preset() { if [[ " ${presets[*]} " != *" $1 "* ]]; then presets+=("$1"); fi; }
take() {
    case $1 in
    --long) long=yes ;;
    --all) all=yes ;;
    --here) here=yes ;;
    --nightly)
        all=yes
        nightly=yes
        add_preset asan
        add_preset tsan
        ;;
    --asan) add_preset asan ;;
    --tsan) add_preset tsan ;;
    *) return 1 ;;
    esac
}
read_options take "$@"
if [ "$all" = yes ]; then long=yes; fi
if [ "$all" = yes ] || [ "${#presets[@]}" -eq 0 ]; then add_preset release; fi # last, so that its summary is printed last
if [ "$long" = yes ]; then selection=(); else selection=(-LE '^long$'); fi
selection+=("${rest[@]}")

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-second_deadlock_stack=1}

failed=()

# test_preset PRESET TITLE CTEST-OPTION...: runs the tests of a preset.
test_preset() {
    local preset=$1 title=$2
    shift 2
    print_test_summary # of the previous run
    # GCC 12's thread sanitizer fails with the address space randomization of newer kernels, so disable it.
    test_launcher=()
    if [ "$preset" = tsan ]; then
        if setarch "$(uname -m)" -R true 2>/dev/null; then
            test_launcher=(setarch "$(uname -m)" -R)
        else
            left_out "address space without randomization" "setarch -R is refused; in a container it needs seccomp=unconfined" || failed+=("$title")
        fi
    fi
    step "Running the $title" run_tests "build/$preset" "$@" || failed+=("$title")
}

# try_deployed RELEASE TITLE COMMAND...: runs a command that needs a fresh Debian of that release, if one can be created.
try_deployed() {
    local release=$1 title=$2 missing
    shift 2
    missing=$(why_no_debian "$release")
    if [ -z "$missing" ]; then
        step "$title" "$@" || failed+=("$title")
    else
        left_out "$title" "$missing" || failed+=("$title")
    fi
}

groups=(build run)
if [ "$long" = yes ]; then
    groups+=(histories)
    # Checks programs instead of packages: a Node.js from another source includes npm, which conflicts with Debian's package.
    command -v npm >/dev/null || groups+=(pages)
    command -v chromium >/dev/null || groups+=(browser)
    groups+=(clients)
    command -v promtool >/dev/null || groups+=(metrics)
    command -v influxd >/dev/null || groups+=(influx)
fi
if [ "$nightly" = yes ]; then groups+=(logs); fi
need_packages "${groups[@]}"
for preset in "${presets[@]}"; do
    step "Configuring (preset $preset)" configure "$preset" || exit 1
    step "Building (preset $preset)" build "$preset" || exit 1
done

if [ "$all" = yes ]; then
    step "Smoke test: packaging/quickstart.sh --once" "$root/packaging/quickstart.sh" --once --port 0 || failed+=("quickstart.sh --once")
    # These come after the build, so that they find as many objects as possible in ccache.
    try_deployed "$(own_release)" "Debian packages: packaging/deb.sh --try" packaging/deb.sh --try
    try_deployed 12 "Image: packaging/docker/stages.sh" packaging/docker/stages.sh --dir build/stages --remove
fi

if [ "$nightly" = yes ] && [ "$here" = no ]; then
    try_deployed 13 "Debian 13: packaging/on_debian.sh" packaging/on_debian.sh 13 quickstart test deb upgrade clang -- --long
fi
if [ "$nightly" = yes ]; then
    step "Lint: packaging/dev/lint.sh" packaging/dev/lint.sh || failed+=("lint.sh")
    step "Fuzzing: packaging/fuzz.sh all --seconds $fuzz_seconds" packaging/fuzz.sh all --seconds "$fuzz_seconds" --jobs "$(build_jobs)" || failed+=("fuzz.sh")
    step "Logs: packaging/logging/try.sh with a million lines" packaging/logging/try.sh --lines 1000000 --away 60 || failed+=("logging/try.sh")
    for part in feed system; do
        step "Histories: packaging/histories.sh --part $part --rounds $history_rounds" packaging/histories.sh --part "$part" --rounds "$history_rounds" ||
            failed+=("histories.sh --part $part")
    done
    step "Soak: packaging/soak.sh --minutes $soak_minutes" packaging/soak.sh --minutes "$soak_minutes" || failed+=("soak.sh")
    test_preset release "fault tests, $fault_rounds times" --repeat "until-fail:$fault_rounds" -L '^(fault|hostile|sync)$' -L '^long$'
fi
for preset in "${presets[@]}"; do
    test_preset "$preset" "tests of preset $preset" "${selection[@]}"
done

# CTest's summary comes last, even if something failed.
if [ -s "${CTMS_STEP_TIMES:-}" ]; then
    say "==> The longest steps:"
    sort -rn "$CTMS_STEP_TIMES" | sed -n 1,12p
fi
if [ "${#failed[@]}" -gt 0 ]; then
    printf '==> Failed: %s\n' "${failed[@]}"
    if [[ " ${failed[*]} " == *" fuzz.sh "* && -e build/fuzz/found.txt ]]; then cat build/fuzz/found.txt; fi
fi
print_test_summary
[ "${#failed[@]}" -eq 0 ]
