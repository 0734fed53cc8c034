#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# The scripts install what a system has, by versions and alternatives, and say what it lacks. Systems are simulated: their packages
# are named here with the versions that these releases have.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../../packaging/lib.sh"

declare -A installed=() available=()
installed_version() { say "${installed[$1]:-}"; }
available_version() { say "${available[$1]:-}"; }

# is WHAT EXPECTED ACTUAL
is() { [ "$2" = "$3" ] || die "$1 is '$3' instead of '$2'"; }

boost=$(packages_of build | grep '^libboost-json')
server=$(packages_of run | grep '^postgresql')

available=([libboost-json1.81-dev]=1.81.0-5 [postgresql-15]=15.8-0 [cmake]=3.25.1-1)
is "Boost on Debian 12" libboost-json1.81-dev "$(first_of available_version "$boost")"
is "PostgreSQL on Debian 12" postgresql-15 "$(first_of available_version "$server")"

available=([libboost-json-dev]=1.83.0.2+b2 [libboost-json1.81-dev]=1.81.0-5 [postgresql-17]=17.12-0 [postgresql-15]=15.8-0)
is "Boost on Debian 13" libboost-json-dev "$(first_of available_version "$boost")"
is "PostgreSQL on Debian 13" postgresql-17 "$(first_of available_version "$server")"

# An older default is passed over, and what is installed counts.
available=([libboost-json-dev]=1.74.0.3 [libboost-json1.81-dev]=1.81.0-5)
is "Boost with an older default" libboost-json1.81-dev "$(first_of available_version "$boost")"
installed=([postgresql-16]=16.4-0)
[[ $'\n'$(missing_packages run)$'\n' != *$'\n'postgresql* ]] || die "an installed alternative is missing"
installed=([cmake]=3.22.1-1)
[[ $(missing_packages build) == *"cmake (>= 3.25)"* ]] || die "an old version counts"

# Every entry of the file is understood.
mapfile -t groups < <(sed -n 's/.* # \([a-z]*\): .*/\1/p' packaging/packages.txt | sort -u)
is "the number of entries" "$(grep -c '^[a-z0-9]' packaging/packages.txt)" "$(packages_of "${groups[@]}" | wc -l)"

# Ubuntu 22.04: what it lacks is named, with what it has, and nothing is installed.
apt_get_quietly() { [ "$1" = update ] || die "something was installed"; }
available=([cmake]=3.22.1-1ubuntu1.22.04.2 [libfmt-dev]=8.1.1+ds1-2 [g++]=4:11.2.0-1ubuntu1 [git]=1:2.34.1-1ubuntu1)
if told=$(install_packages "cmake (>= 3.25)" "$boost" "libfmt-dev (>= 9)" git); then die "the missing packages are not noticed"; fi
for text in "cmake (>= 3.25) (this system has 3.22.1-1ubuntu1.22.04.2)" "libfmt-dev (>= 9) (this system has 8.1.1+ds1-2)" "  $boost"; do
    [[ $told == *"$text"* ]] || die "'$text' is not in: $told"
done
[[ $told != *"  git"* ]] || die "a package that can be installed is named as missing"
say "The scripts install what the system has"
