#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Measures which code the tests execute. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# What libctms must reach, in percent.
least_lines=90
least_branches=75

usage() {
    cat <<TEXT
Usage: packaging/dev/coverage.sh [--report-only] [-- CTEST-OPTION...]

Installs missing Debian packages, builds with coverage counters (preset coverage), runs all tests, also those labelled long, except those of
packages, generated clients and the browser, and those that measure the time and memory of attacks, which the counters increase. Writes a
report of lines and branches with gcovr: build/coverage/report/index.html for people, and summary.json for programs. Prints the lines
and branches of each folder, and the files of libctms with the most lines that no test executes. Ends with exit code 1 if a test fails, or
if tests execute less than $least_lines % of the lines or $least_branches % of the branches of libctms. Branches that only an
exception takes do not count: almost every call has one.

  --report-only  only write the report, from the counters of earlier runs
  --help         print this text

Everything after \`--\` is passed to ctest, for example: packaging/dev/coverage.sh -- -L unit. Then it only writes the report and requires no minimum, because
only a part of the tests ran.
TEXT
}

run=yes
take() {
    case $1 in
    --report-only) run=no ;;
    *) return 1 ;;
    esac
}
read_options take "$@"

if [ "${#rest[@]}" -gt 0 ]; then
    least_lines=0
    least_branches=0
fi

need_packages build run coverage
folder=build/coverage
status=0
if [ "$run" = yes ]; then
    step "Configuring (preset coverage)" configure coverage
    step "Building (preset coverage)" build coverage
    find "$folder" -name '*.gcda' -delete
    # The tests of packages and generated clients build or start other programs, which are not counted.
    run_tests "$folder" -LE '^(package|clients|browser|hostile)$' "${rest[@]}" || status=$?
fi

report() {
    mkdir -p "$folder/report"
    gcovr --root . --object-directory "$folder" --filter 'libctms/' --filter 'apps/' --filter 'cli/' --exclude-throw-branches \
        --exclude-unreachable-branches --gcov-ignore-parse-errors -j "$(nproc)" \
        --html-details "$folder/report/index.html" --json-summary "$folder/report/summary.json" "$folder"/{libctms,apps,cli}
}
step "Report" report
print_test_summary
python3 -B packaging/dev/coverage_summary.py "$folder/report/summary.json" --lines "$least_lines" --branches "$least_branches" || status=1
exit "$status"
