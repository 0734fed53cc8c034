#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Tests run_tests of packaging/lib.sh with builds that consist only of a list of tests. In CI a test that did not run is a failure;
# elsewhere it is not. The last lines of failed tests and CTest's closing lines are printed on request. left_out and skip follow the same
# rule.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    say "Failed: $*"
    cat "$scratch/output" 2>/dev/null
    exit 1
}

# given NAME TEXT: makes a build directory with these tests.
given() {
    mkdir -p "$scratch/$1"
    say "$2" >"$scratch/$1/CTestTestfile.cmake"
}

# runs CI NAME: prints the exit status of a run of these tests.
runs() {
    local status=0
    (CI=$1 run_tests "$scratch/$2") >"$scratch/output" 2>&1 || status=$?
    say "$status"
}

good='add_test(good /bin/true)'
given good "$good"
given skipped "$good
add_test(skipped /bin/sh -c \"exit 77\")
set_tests_properties(skipped PROPERTIES SKIP_RETURN_CODE 77)"
given says_skipped "$good
add_test(says_skipped /bin/echo Skipped)
set_tests_properties(says_skipped PROPERTIES SKIP_REGULAR_EXPRESSION Skipped)"
given disabled "$good
add_test(disabled /bin/true)
set_tests_properties(disabled PROPERTIES DISABLED TRUE)"
given missing "$good
add_test(missing /nonexistent/program)"
given failing "add_test(failing /bin/sh -c \"seq 100; false\")"
given empty ""

for ci in true false; do
    [ "$(runs $ci good)" = 0 ] || fail "CI=$ci: a good test fails"
    for bad in failing missing empty; do
        [ "$(runs $ci $bad)" != 0 ] || fail "CI=$ci: the run passes although a test is $bad"
    done
done
for bad in skipped says_skipped disabled; do
    [ "$(runs false $bad)" = 0 ] || fail "a test that is $bad fails outside of CI"
    [ "$(runs true $bad)" != 0 ] || fail "CI does not notice a test that is $bad"
    grep -q "Did not run, which is a failure in CI: $bad" "$scratch/output" || fail "CI does not name the test that is $bad"
done

# The closing lines are printed last and only once.
(run_tests "$scratch/good" && say "between" && print_test_summary && print_test_summary) >"$scratch/output" 2>&1
grep -q '^100% tests passed' <(sed '1,/^between$/d' "$scratch/output") || fail "the closing lines are not printed on request"
[ "$(grep -c '^100% tests passed' "$scratch/output")" = 1 ] || fail "the closing lines are printed more than once"

# They come after the last lines of each test that failed.
(run_tests "$scratch/failing" || say "between" && print_test_summary) >"$scratch/output" 2>&1
sed -i '1,/^between$/d' "$scratch/output"
[ "$(grep -n '^==> The last lines of failing:$\|^    100$\|^0% tests passed' "$scratch/output" | cut -d: -f1 | tr '\n' ' ')" = "1 26 27 " ] ||
    fail "the last lines of a test that failed are not printed before the closing lines"

(CI=false left_out "a part" "its reason") >"$scratch/output" || fail "left_out fails outside of CI"
if (CI=true left_out "a part" "its reason") >"$scratch/output"; then fail "left_out passes in CI"; fi
for ci in true false; do
    status=0
    # shellcheck disable=SC2016  # for the inner shell
    CI=$ci bash -c '. "$0" && skip "its reason"' "$root/tests/support/server.sh" >"$scratch/output" || status=$?
    [ "$ci $status" = "true 1" ] || [ "$ci $status" = "false 77" ] || fail "CI=$ci: skip ends with $status"
done
say "Nothing can be skipped in CI"
