#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints the tags of an image, one per line: the short commit; on main also stg-<short commit>; for a git tag v{semver}, that tag.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: packaging/docker/tags.sh REF COMMIT

REF is the name of the git reference, such as refs/heads/main or refs/tags/v1.2.3. A tag must be v followed by the
version in CMakeLists.txt and optionally a hyphen and a pre-release; other tags fail.

  --self-test   run the script's own tests
TEXT
}

file=$(dirname "${BASH_SOURCE[0]}")/../../CMakeLists.txt
version=$(sed -n 's/^project(ctms VERSION \([0-9.]*\) .*/\1/p' "$file")

tags() {
    local ref=$1 commit=$2 short
    [[ $commit =~ ^[0-9a-f]{40}$ ]] || { echo "tags.sh: '$commit' is not a full commit id" >&2; return 1; }
    short=${commit:0:7}
    case $ref in
    refs/tags/*)
        if ! [[ $ref =~ ^refs/tags/v([0-9]+\.[0-9]+\.[0-9]+)(-[0-9A-Za-z.-]+)?$ ]] || [ "${BASH_REMATCH[1]}" != "$version" ]; then
            echo "tags.sh: ${ref#refs/tags/} is not v$version, the version in CMakeLists.txt" >&2
            return 1
        fi
        echo "${ref#refs/tags/}"
        ;;
    refs/heads/main) printf '%s\n' "$short" "stg-$short" ;;
    *) echo "$short" ;;
    esac
}

self_test() {
    local commit=0123456789abcdef0123456789abcdef01234567
    [ "$(tags refs/heads/main $commit | xargs)" = "0123456 stg-0123456" ]
    [ "$(tags refs/pull/1/merge $commit)" = 0123456 ]
    [ "$(tags "refs/tags/v$version" $commit)" = "v$version" ]
    [ "$(tags "refs/tags/v$version-rc.1" $commit)" = "v$version-rc.1" ]
    local ref
    for ref in refs/tags/v99.0.0 refs/tags/latest "refs/tags/$version" "refs/tags/v$version+1"; do
        if tags "$ref" $commit 2>/dev/null; then return 1; fi
    done
    if tags refs/heads/main HEAD 2>/dev/null; then return 1; fi
}

case "$#:${1:-}" in
1:--self-test) self_test ;;
1:--help | 1:-h) usage ;;
2:*) tags "$1" "$2" ;;
*)
    usage >&2
    exit 64
    ;;
esac
