#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints the section of CHANGELOG.md on a version, for its release. Fails if there is none.
set -euo pipefail

if [ "$#" -ne 1 ] || ! [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    echo "Usage: packaging/dev/release_notes.sh VERSION, such as 1.2.3" >&2
    exit 64
fi

# Prints the lines of a section without empty lines at its beginning and end. A pre-release may use the section Unreleased.
section() {
    awk -v heading="## [$1]" '
        index($0, heading) == 1 {inside = 1; next}
        /^## / || /^\[[^]]*\]: / {inside = 0}
        inside {text = text $0 "\n"}
        END {gsub(/^\n+|\n+$/, "", text); print text}' "$(dirname "${BASH_SOURCE[0]}")/../../CHANGELOG.md"
}

notes=$(section "$1")
if [ -z "$notes" ] && [[ $1 == *-* ]]; then notes=$(section Unreleased); fi
if [ -z "$notes" ]; then
    echo "release_notes.sh: CHANGELOG.md says nothing about $1" >&2
    exit 1
fi
printf '%s\n' "$notes"
