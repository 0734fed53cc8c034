#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the fuzzers of tests/fuzz. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mapfile -t all_targets < <(sed -n 's/^set(targets \(.*\))$/\1/p' tests/fuzz/CMakeLists.txt | tr ' ' '\n')

usage() {
    cat <<TEXT
Usage: packaging/fuzz.sh TARGET|all [--seconds N] [--jobs N] [--corpus DIR]

Builds the fuzzers with clang 14, libFuzzer and the address and undefined behaviour sanitizers (preset fuzz), runs them,
and prints executions, coverage (edges) and findings. If anything was found, keeps the input, prints its path and the
command that runs it again, and ends with exit code 1. docs/development.md says how to add a target and handle a finding.

  TARGET        one of: ${all_targets[*]}
  all           all of them
  --seconds N   how long each target runs (10)
  --jobs N      how many targets run at the same time (1)
  --corpus DIR  directory for inputs that are kept between runs, with a folder for each target (build/fuzz/corpus); every
                run also uses the inputs of tests/fuzz
  --help        print this text
TEXT
}

seconds=10
jobs=1
corpus=build/fuzz/corpus
targets=()
while [ "$#" -gt 0 ]; do
    case $1 in
    --seconds | --jobs | --corpus)
        [ "$#" -gt 1 ] || die "$1 needs a value"
        case $1 in
        --seconds) seconds=$2 ;;
        --jobs) jobs=$2 ;;
        --corpus) corpus=$(cd "$called_from" && realpath -m -- "$2") ;;
        esac
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    all) targets=("${all_targets[@]}") ;;
    -*)
        usage >&2
        exit 64
        ;;
    *)
        [[ " ${all_targets[*]} " == *" $1 "* ]] || die "no target '$1'; one of: ${all_targets[*]}, or all"
        targets+=("$1")
        ;;
    esac
    shift
done
if [ "${#targets[@]}" -eq 0 ]; then
    usage >&2
    exit 64
fi
[[ $seconds =~ ^[1-9][0-9]*$ && $jobs =~ ^[1-9][0-9]*$ ]] || die "--seconds and --jobs are whole numbers from 1"

findings=build/fuzz/findings

# The name of the dictionary for the format that a target reads.
dictionary_of() {
    case $1 in
    session | http_client) say http ;;
    vendor_xml) say xml ;;
    *) say "$1" ;;
    esac
}

# The maximum length of inputs: enough for a few requests or records. Faults that appear only in long inputs are covered by the
# target repetition and by repeated bytes (tests/fuzz/pieces.hpp).
longest_of() {
    case $1 in
    repetition) say 256 ;;
    *) say 4096 ;;
    esac
}

# The seconds after which one input is a finding. These targets measure and wait themselves, and find out more.
longest_time_of() {
    case $1 in
    repetition | http_client) say 60 ;;
    *) say 20 ;;
    esac
}

run_target() {
    local name=$1 log=build/fuzz/$1.log words options=()
    words=tests/fuzz/$(dictionary_of "$name").dict
    if [ -e "$words" ]; then options+=("-dict=$words"); fi
    mkdir -p "$corpus/$name" "$findings/$name"
    # Findings of earlier runs stay in place; the time of this file tells them apart from those of this run.
    touch "$findings/$name/.begin"
    build/fuzz/bin/fuzz-"$name" "${options[@]}" -max_total_time="$seconds" -max_len="$(longest_of "$name")" \
        -timeout="$(longest_time_of "$name")" -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$findings/$name/" \
        "$corpus/$name" "tests/fuzz/corpus/$name" "tests/fuzz/found/$name" >"$log" 2>&1
}

# The folders of found inputs may not exist yet, but libFuzzer requires every folder in its arguments to exist.
for name in "${targets[@]}"; do mkdir -p "tests/fuzz/found/$name"; done

# last_number NAME LOG: the number after NAME in the last line of libFuzzer's log that contains it, for the table.
last_number() { sed -n "s/.*\b$1: *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1; }

report() {
    local name=$1 status=$2 log=build/fuzz/$1.log runs rate verdict=none
    if [ "$status" -ne 0 ]; then verdict=FOUND; fi
    runs=$(last_number 'stat::number_of_executed_units' "$log")
    rate=$(last_number 'stat::average_exec_per_sec' "$log")
    printf '%-12s %12s %10s %8s %8s  %s\n' "$name" "${runs:-?}" "${rate:-?}" "$(last_number cov "$log")" \
        "$(find "$corpus/$name" -type f | wc -l)" "$verdict"
}

explain() {
    local name=$1 file
    say "==> $name: $(grep -m1 -E '^(fuzz: |SUMMARY|==[0-9]+==ERROR|.*runtime error)' "build/fuzz/$name.log" || say "see build/fuzz/$name.log")"
    while IFS= read -r file; do
        say "    input:     $file"
        say "    run again: build/fuzz/bin/fuzz-$name $file"
    done < <(find "$findings/$name" -type f -newer "$findings/$name/.begin" ! -name .begin)
    say "    log:       build/fuzz/$name.log"
}

rm -f build/fuzz/found.txt
need_packages build fuzz
step "Configuring (preset fuzz)" configure fuzz
step "Building (preset fuzz)" build fuzz "${targets[@]/#/fuzz-}"

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-/usr/bin/llvm-symbolizer-14}

say "==> Fuzzing ${#targets[@]} target(s), $seconds s each, $jobs at a time"
printf '%-12s %12s %10s %8s %8s  %s\n' target executions exec/s edges inputs findings
found=()
for ((first = 0; first < ${#targets[@]}; first += jobs)); do
    group=("${targets[@]:first:jobs}")
    pids=()
    for name in "${group[@]}"; do
        run_target "$name" &
        pids+=("$!")
    done
    for i in "${!group[@]}"; do
        status=0
        wait "${pids[i]}" || status=$?
        report "${group[i]}" "$status"
        if [ "$status" -ne 0 ]; then found+=("${group[i]}"); fi
    done
done

if [ "${#found[@]}" -gt 0 ]; then
    for name in "${found[@]}"; do explain "$name"; done | tee build/fuzz/found.txt
    exit 1
fi
