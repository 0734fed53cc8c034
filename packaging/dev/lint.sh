#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Runs the checks that need no running program: layout, layers, exports, reference, dashboards, links, deployment, shell
# scripts, headers, clang-tidy. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/dev/lint.sh [--changed [BASE]] [--without-tests] [--quick] [--fix-format]

Installs missing Debian packages, then checks, in this order: the format (clang-format), the layers, the functions of
migrations, the number of headers that a public header includes, the exports of the library, the API reference, the
dashboards, the links in the documents, tests that skip themselves, the chart and the other deployment files (packaging/dev/check_deployment.sh; left out without npm,
except with CI=true), the shell scripts (shellcheck), that public headers compile by themselves, and clang-tidy. All checks
run even if one fails.

  --changed [BASE]  run clang-tidy only on changes since BASE (default: where the branch left origin/main or main)
  --without-tests   run clang-tidy only on the library, the programs and the examples, which takes half the time
  --quick           leave out the checks that need a configured build: headers and clang-tidy
  --fix-format      only format the sources with clang-format
  --help            print this text
TEXT
}

changed=no
base=
without_tests=no
quick=no
fix=no
while [ "$#" -gt 0 ]; do
    case $1 in
    --changed)
        changed=yes
        if [ "$#" -ge 2 ] && [[ $2 != -* ]]; then
            base=$2
            shift
        fi
        ;;
    --without-tests) without_tests=yes ;;
    --quick) quick=yes ;;
    --fix-format) fix=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 64
        ;;
    esac
    shift
done

groups=(lint)
if [ "$quick" = no ] && [ "$fix" = no ]; then groups+=(build); fi
# In CI nothing is left out, and the check of the deployment needs npm, which the group `build` already includes.
if in_ci && [ "$quick" = yes ] && ! command -v npm >/dev/null; then groups+=(pages); fi
need_packages "${groups[@]}"

# Prints the project's files, tracked or new, that match these patterns and still exist.
our_files() {
    local file
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
        if [ -f "$file" ]; then say "$file"; fi
    done
}

git rev-parse --git-dir >/dev/null || die "needs a git checkout"
if [ "$changed" = yes ]; then
    if [ -z "$base" ]; then base=$(git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null) || base=main; fi
    git rev-parse --verify --quiet "$base^{commit}" >/dev/null || die "there is no commit '$base' to compare with; use --changed BASE"
fi
mapfile -t sources < <(our_files '*.cpp' '*.hpp')

# Prints the files that clang-format would change, with the number of places in each.
check_format() {
    local report
    report=$(printf '%s\0' "${sources[@]}" | xargs -0 -r clang-format-14 --dry-run -Werror 2>&1) && return
    if grep -q 'code should be clang-formatted' <<<"$report"; then
        sed -n 's/^\(.*\):[0-9]*:[0-9]*: error: code should be clang-formatted.*/\1/p' <<<"$report" | sort | uniq -c
        say "Format them with packaging/dev/lint.sh --fix-format."
    else
        say "$report"
    fi
    return 1
}

if [ "$fix" = yes ]; then
    printf '%s\0' "${sources[@]}" | xargs -0 -r clang-format-14 -i
    exit 0
fi

check_layers() { python3 packaging/dev/check_layers.py --self-test && python3 packaging/dev/check_layers.py; }

check_functions() { packaging/dev/check_functions.py --self-test && packaging/dev/check_functions.py; }

check_includes() { packaging/dev/check_includes.py --self-test && packaging/dev/check_includes.py; }

check_exports() { python3 packaging/dev/check_api.py --self-test && python3 packaging/dev/check_api.py; }

# Runs Doxygen on the public headers. Every public name must have a comment. The pages go to build/api-reference.
check_reference() {
    if ! command -v doxygen >/dev/null; then
        left_out "API reference" "doxygen is not installed"
        return
    fi
    cmake -D BINARY_DIR="$root/build" -P cmake/ctms_reference.cmake
}

# A skipped test would vanish from CTest's list, or pass no matter what it finds.
check_no_skips() {
    local pattern='doctest::(skip|may_fail|should_fail|expected_failures)|[^_]DISABLED (TRUE|ON)|WILL_FAIL|unittest\.skip' found
    grep -qE "$pattern" <<<'TEST_CASE("x" * doctest::skip())' || return
    found=$(our_files 'tests/*' 'examples/*' ':(exclude)tests/runner/*' | xargs -r grep -nE "$pattern") || true
    [ -z "$found" ] && return
    say "$found"
    say "A test must run, or exit with code 77 to say that it was skipped, which is a failure in CI."
    return 1
}

check_deployment() {
    local status=0
    packaging/dev/check_deployment.sh || status=$?
    if [ "$status" -eq 77 ]; then
        left_out "Deployment" "required programs are missing"
        return
    fi
    return "$status"
}

# SC2317: shellcheck believes that functions called through `step` or a trap are unreachable.
check_scripts() { our_files '*.sh' .ci/run | xargs -r shellcheck --external-sources --source-path=SCRIPTDIR --exclude=SC2317; }

check_headers() { configure release -DCMAKE_VERIFY_INTERFACE_HEADER_SETS=ON && build release all_verify_interface_header_sets; }

# Prints the .cpp files that clang-tidy must check: all of them, or those that changed or include a changed header.
tidy_files() {
    local file name
    if [ "$changed" = no ]; then
        printf '%s\n' "${sources[@]}" | grep '\.cpp$'
        return
    fi
    {
        git diff --name-only --diff-filter=d "$base" -- '*.cpp' '*.hpp'
        git ls-files --others --exclude-standard -- '*.cpp' '*.hpp'
    } | sort -u | while IFS= read -r file; do
        name=${file##*/}
        case $file in
        *.cpp) say "$file" ;;
        *) printf '%s\0' "${sources[@]}" | grep -z '\.cpp$' | xargs -0 -r grep -lE "#include [<\"]([^>\"]*/)?${name//./\\.}[>\"]" || true ;;
        esac
    done | sort -u
}

check_tidy() {
    local database=build/release/compile_commands.json files
    configure release || return
    mapfile -t files < <(tidy_files | if [ "$without_tests" = yes ]; then grep -v '^tests/'; else cat; fi)
    # Only files of the build, because the compiler options of other files are unknown.
    mapfile -t files < <(for file in "${files[@]}"; do if grep -qF "\"$root/$file\"" "$database"; then say "$file"; fi; done)
    say "clang-tidy checks ${#files[@]} files"
    if [ "${#files[@]}" -eq 0 ]; then return 0; fi
    # The compile database is made for g++, so clang must ignore its warning options.
    printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P 2 clang-tidy-14 -p build/release --quiet --warnings-as-errors='*' \
        --extra-arg=-Wno-everything --extra-arg=-Wno-error 2> >(grep -v ' warnings generated\.$' >&2)
}

failed=()
check() { step "$@" || failed+=("$1"); }

check "Layout (clang-format)" check_format
check "Layers" check_layers
check "Functions of migrations" check_functions
check "Includes" check_includes
check "Exports" check_exports
check "API reference" check_reference
check "Dashboards are up to date" packaging/grafana/make_dashboards.py --check
check "Links of the documents" packaging/dev/check_links.py
check "No test skips itself" check_no_skips
check "Deployment" check_deployment
check "Shell scripts" check_scripts
if [ "$quick" = no ]; then
    check "Headers compile by themselves" check_headers
    check "clang-tidy" check_tidy
fi
if [ "${#failed[@]}" -gt 0 ]; then
    printf '==> Failed: %s\n' "${failed[@]}" >&2
    exit 1
fi
say "==> Lint passed"
