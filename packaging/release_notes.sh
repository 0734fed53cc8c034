#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Prints what CHANGELOG.md says of a version, for its release. Fails when that is nothing.
set -euo pipefail

if [ "$#" -ne 1 ] || ! [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    echo "Usage: packaging/release_notes.sh VERSION, as 1.2.3" >&2
    exit 64
fi

# The section's lines, empty ones at its beginning and end left out. A pre-release has that of what is to come.
section() {
    awk -v heading="## [$1]" '
        index($0, heading) == 1 {inside = 1; next}
        /^## / || /^\[[^]]*\]: / {inside = 0}
        inside {text = text $0 "\n"}
        END {gsub(/^\n+|\n+$/, "", text); print text}' "$(dirname "${BASH_SOURCE[0]}")/../CHANGELOG.md"
}

notes=$(section "$1")
if [ -z "$notes" ] && [[ $1 == *-* ]]; then notes=$(section Unreleased); fi
if [ -z "$notes" ]; then
    echo "release_notes.sh: CHANGELOG.md has nothing on $1" >&2
    exit 1
fi
printf '%s\n' "$notes"
