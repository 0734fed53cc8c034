#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints the tags of an image, one per line: the short commit; on main also stg-<number>-<short commit> and stg-<short commit>; for a git
# tag v{semver}, that tag.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: packaging/docker/tags.sh REF COMMIT [NUMBER]

REF is the name of the git reference, such as refs/heads/main or refs/tags/v1.2.3. A tag must be v followed by the
version in CMakeLists.txt and optionally a hyphen and a pre-release; other tags fail. NUMBER, required for main, is the
number of commits on main up to this one (git rev-list --count --first-parent COMMIT), by which the images can be ordered.

  --self-test   run the script's own tests
TEXT
}

file=$(dirname "${BASH_SOURCE[0]}")/../../CMakeLists.txt
version=$(sed -n 's/^project(ctms VERSION \([0-9.]*\) .*/\1/p' "$file")

tags() {
    local ref=$1 commit=$2 number=${3:-} short
    [[ $commit =~ ^[0-9a-f]{40}$ ]] || { echo "tags.sh: '$commit' is not a full commit id" >&2; return 1; }
    short=${commit:0:7}
    case $ref in
    refs/tags/*)
        if ! [[ $ref =~ ^refs/tags/v([0-9]+\.[0-9]+\.[0-9]+)(-[0-9A-Za-z.-]+)?$ ]] || [ "${BASH_REMATCH[1]}" != "$version" ]; then
            echo "tags.sh: ${ref#refs/tags/} is not v$version, the version in CMakeLists.txt" >&2
            return 1
        fi
        printf '%s\n' "$short" "${ref#refs/tags/}"
        ;;
    refs/heads/main)
        [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "tags.sh: '$number' is not the number of a commit on main" >&2; return 1; }
        printf '%s\n' "$short" "stg-$number-$short" "stg-$short"
        ;;
    *) echo "$short" ;;
    esac
}

self_test() {
    local commit=0123456789abcdef0123456789abcdef01234567
    [ "$(tags refs/heads/main $commit 42 | xargs)" = "0123456 stg-42-0123456 stg-0123456" ]
    [ "$(tags refs/heads/feature $commit 42)" = 0123456 ]
    [ "$(tags refs/pull/1/merge $commit)" = 0123456 ]
    [ "$(tags "refs/tags/v$version" $commit | xargs)" = "0123456 v$version" ]
    [ "$(tags "refs/tags/v$version-rc.1" $commit | xargs)" = "0123456 v$version-rc.1" ]
    local ref
    for ref in refs/tags/v99.0.0 refs/tags/latest "refs/tags/$version" "refs/tags/v$version+1"; do
        if tags "$ref" $commit 2>/dev/null; then return 1; fi
    done
    if tags refs/heads/main HEAD 42 2>/dev/null; then return 1; fi
    if tags refs/heads/main $commit 2>/dev/null; then return 1; fi
}

case "$#:${1:-}" in
1:--self-test) self_test ;;
1:--help | 1:-h) usage ;;
2:* | 3:*) tags "$@" ;;
*)
    usage >&2
    exit 64
    ;;
esac
