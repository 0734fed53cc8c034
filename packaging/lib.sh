# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# Shared by the scripts of this folder and of dev: messages with times, packages, configuring and building.
# Source this file. It sets `root` to the checkout and changes to it; `called_from` is the previous directory.

set -o pipefail # so that a filter of a command's output does not hide the command's failure
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
called_from=$PWD
cd "$root" || exit 1
: "${HOME:=/root}"
export HOME

# Makes ccache treat paths below the checkout as relative, so that other clones and the image's build share the objects.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

# In a container, the checkout often belongs to another account; git would then refuse to read it.
if [ "$(stat -c %u "$root")" != "$(id -u)" ]; then
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$root"
fi

# The Debian mirror of this machine, which also serves for the Debian systems that the scripts create.
debian_mirror() {
    local uri
    # shellcheck disable=SC2016  # apt-get expands these names, not the shell
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' 2>/dev/null | head -n 1)
    printf '%s\n' "${uri%/}"
}

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# read_options TAKE ARGUMENT...: calls TAKE for each argument before `--`, and puts those after it into `rest`. TAKE sets the script's
# variables; it fails for an argument that it does not know. The script's function `usage` prints its help.
rest=()
read_options() {
    local take=$1
    shift
    while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
        --help | -h)
            usage
            exit 0
            ;;
        esac
        if ! "$take" "$1"; then
            usage >&2
            exit 64
        fi
        shift
    done
    rest=("${@:2}") # without `--`
}

# ---- CI ----

in_ci() { [ "${CI:-}" = true ]; }

# left_out WHAT REASON: reports a part that cannot run here. In CI (CI=true) that is a failure.
left_out() {
    if in_ci; then
        say "==> $1 must not be left out in CI: $2"
        return 1
    fi
    say "==> Left out: $1: $2"
}

# ---- steps ----

# step TITLE COMMAND [ARGUMENT...]: runs the command, says how long it took, and returns its status. If CTMS_STEP_TIMES names a file, it
# adds the time there, too.
# The command must not rely on `set -e`, which has no effect inside `if` or `||`.
step() {
    local title=$1 began=$SECONDS status=0
    shift
    say "==> $title"
    "$@" || status=$?
    if [ -n "${CTMS_STEP_TIMES:-}" ]; then say "$((SECONDS - began)) s: $title" >>"$CTMS_STEP_TIMES" || true; fi
    if [ "$status" -ne 0 ]; then
        say "==> $title: failed after $((SECONDS - began)) s"
        return "$status"
    fi
    say "==> $title: done in $((SECONDS - began)) s"
}

# ---- packages ----

# packages_of GROUP...: prints what packages.txt wants for these groups, one entry per line: "NAME (>= VERSION) | NAME". The version
# and the alternatives are optional.
packages_of() {
    local line name='[a-z0-9][a-z0-9.+-]*( \(>= [^ )]+\))?' group
    while IFS= read -r line; do
        [[ $line =~ ^($name( \| $name)*)[[:space:]]+\#[[:space:]]([a-z]+): ]] || continue
        for group in "$@"; do
            if [ "$group" = "${BASH_REMATCH[5]}" ]; then say "${BASH_REMATCH[1]}"; fi
        done
    done <"$root/packaging/packages.txt"
}

installed_version() { dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p'; }

# The version that apt would install; nothing if it has none.
available_version() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" && $2 != "(none)" {print $2}'; }

# first_of HOW ENTRY: prints the name of the first alternative of an entry of which HOW, one of the two functions above, prints a
# version that is not too old.
first_of() {
    local how=$1 alternative name least version
    while IFS= read -r alternative; do
        read -r name _ least <<<"$alternative"
        version=$("$how" "$name")
        if [ -n "$version" ] && { [ -z "$least" ] || dpkg --compare-versions "$version" ge "${least%)}"; }; then
            say "$name"
            return
        fi
    done <<<"${2// | /$'\n'}"
}

# missing_packages GROUP...: prints the entries of which no alternative is installed.
missing_packages() {
    local entry
    packages_of "$@" | sort -u | while IFS= read -r entry; do
        if [ -z "$(first_of installed_version "$entry")" ]; then say "$entry"; fi
    done
}

# The system's name for messages, e.g. "Debian GNU/Linux 12 (bookworm)".
system_name() {
    # shellcheck disable=SC1091
    (. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}") || uname -sr
}

# explain_packages ENTRY...: says what to install by other means.
explain_packages() {
    say "This system is: $(system_name). Debian 12 and 13 have these packages, except that only Debian 12 has those of clang 14."
    say "Required, by the names and versions of Debian packages (packaging/packages.txt has the reasons):"
    printf '  %s\n' "$@"
    say "Install them or their equivalents, for example from their sources, and run CMake by hand:"
    say "  cmake --preset release && cmake --build --preset release"
}

# as_root COMMAND...: runs the command as root, with sudo if necessary.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@" # may ask for the password
    else
        sudo -n "$@"
    fi
}

can_become_root() {
    if [ "$(id -u)" -eq 0 ]; then return 0; fi
    command -v sudo >/dev/null || return 1
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

apt_get() {
    local options=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    if in_ci; then options+=(-o Dpkg::Options::=--force-unsafe-io); fi # a machine of CI is not used after a crash
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "${options[@]}" "$@"
}

# Installing the server package would create and start a system-wide database cluster. We need only the programs of the
# package, so this is disabled while apt runs; existing clusters are not touched.
no_system_cluster=/etc/postgresql-common/createcluster.d/ctms-no-main-cluster.conf

forbid_system_cluster() {
    as_root mkdir -p "${no_system_cluster%/*}" || return
    say "create_main_cluster = false" | as_root tee "$no_system_cluster" >/dev/null
}

allow_system_cluster() {
    as_root rm -f "$no_system_cluster"
    as_root rmdir --ignore-fail-on-non-empty "${no_system_cluster%/*}"
}

# Packages such as prometheus start their service when they are installed, but we need only their programs. Debian calls
# policy-rc.d to decide whether to start services (see invoke-rc.d(8)); an existing policy-rc.d is not touched.
policy=/usr/sbin/policy-rc.d

forbid_services() {
    if [ -e "$policy" ]; then return; fi
    printf '#!/bin/sh\n# ctms: no services while packages are installed\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
}

allow_services() {
    if grep -qs '^# ctms: no services' "$policy"; then as_root rm -f "$policy"; fi
}

# disable_services PACKAGE...: the services of these packages shall not start with the machine either.
disable_services() {
    local package file units=()
    for package in "$@"; do
        while IFS= read -r file; do
            if [[ $file =~ /systemd/system/([^/@]+\.(service|timer|socket))$ ]]; then
                units+=("${BASH_REMATCH[1]}")
            elif [[ $file =~ ^/etc/init\.d/([^/]+)$ ]]; then
                as_root update-rc.d "${BASH_REMATCH[1]}" disable >/dev/null || return
            fi
        done < <(dpkg-query -L "$package")
    done
    if [ "${#units[@]}" -eq 0 ] || ! command -v systemctl >/dev/null; then return; fi
    as_root systemctl disable --quiet "${units[@]}" 2>/dev/null || true # static units cannot be disabled
}

installed_packages() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort; }

# Runs apt-get and prints its output only if it fails.
apt_get_quietly() {
    local log status=0
    log=$(mktemp) || return
    apt_get "$@" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then tail -n 40 "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# install_packages ENTRY...: installs an alternative of each entry; explains what is missing if apt does not have it.
install_packages() {
    local entry name names=() unknown=() has
    apt_get_quietly update || return
    for entry in "$@"; do
        name=$(first_of available_version "$entry")
        if [ -n "$name" ]; then
            names+=("$name")
        else
            has=$(available_version "${entry%% *}")
            unknown+=("$entry${has:+ (this system has $has)}")
        fi
    done
    if [ "${#unknown[@]}" -gt 0 ]; then
        say "This system's package sources do not have all that is needed."
        explain_packages "${unknown[@]}"
        return 1
    fi
    say "Packages: ${names[*]}"
    (
        trap 'allow_system_cluster; allow_services' EXIT
        before=$(installed_packages) || exit
        # --no-remove: Debian 12's own Boost 1.74, for example, conflicts with 1.81, and other projects may need it.
        forbid_system_cluster && forbid_services && apt_get_quietly install -y --no-remove --no-install-recommends "${names[@]}" || exit
        mapfile -t added < <(comm -13 <(say "$before") <(installed_packages))
        disable_services "${added[@]}"
    )
}

# need_packages GROUP...: installs the missing packages, or says why it cannot and ends the script. In CI a build also needs npm
# (see configure). npm is checked as a program, because Debian's package conflicts with a Node.js from another source.
need_packages() {
    if in_ci && [[ " $* " == *" build "* ]] && ! command -v npm >/dev/null; then set -- "$@" pages; fi
    local missing entry name names=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        mapfile -t missing < <(packages_of "$@")
        explain_packages "${missing[@]}" >&2
        exit 1
    fi
    mapfile -t missing < <(missing_packages "$@")
    if [ "${#missing[@]}" -eq 0 ]; then
        say "==> Packages: all installed"
        return
    fi
    if ! can_become_root; then
        for entry in "${missing[@]}"; do
            name=$(first_of available_version "$entry")
            names+=("${name:-${entry%% *}}")
        done
        {
            say "Packages are missing, and installing them requires root or sudo. Ask an administrator to run:"
            say "  apt-get install --no-install-recommends ${names[*]}"
        } >&2
        exit 1
    fi
    step "Installing ${#missing[@]} packages" install_packages "${missing[@]}" || exit 1
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" -eq 0 ] || die "still missing after the installation: $(printf '%s; ' "${missing[@]}")"
}

# ---- building ----

# One compiler per core, but no more than memory allows: the largest files take 0.7 GB, and more with sanitizers.
build_jobs() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null) || memory=
    : "${memory:=$cores}"
    if [ "$memory" -lt 1 ]; then memory=1; fi
    say "$((cores < memory ? cores : memory))"
}

# configure PRESET [CMAKE-OPTION...]: prints its output only if it fails. In CI it fails if the API's pages cannot be built, and warnings
# are errors in every build, so that all share objects.
configure() {
    local preset=$1 log status=0
    shift
    if in_ci; then set -- -DCTMS_API_PAGES=ON -DCTMS_WARNINGS_AS_ERRORS=ON "$@"; fi
    log=$(mktemp) || return
    cmake --preset "$preset" "$@" >"$log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then cat "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# build PRESET [TARGET...]: builds these targets, or by default all.
build() {
    local preset=$1
    shift
    if [ "$#" -gt 0 ]; then set -- --target "$@"; fi
    cmake --build --preset "$preset" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(build_jobs)}" "$@"
}

# ---- tests ----

test_launcher=() # words to put before ctest
test_summary=    # the file with the last lines of failed tests and CTest's closing lines

# run_tests BUILD-FOLDER [CTEST-OPTION...]: runs the tests of a build. All scripts run tests with this function, because it
# enforces the rule for CI (CI=true): a test that was skipped, disabled or not run is a failure (dev/check_tests.py).
# It keeps the last lines of failed tests and CTest's closing lines for print_test_summary, so that a script can print them last. Twice as
# many tests as processors run at the same time, because most of them wait for servers and clocks.
run_tests() {
    local folder=$1 status=0 report=$1/tests.xml
    shift
    if [ -z "$test_summary" ]; then test_summary=$(mktemp) || return; fi
    : >"$test_summary"
    rm -f "$report"
    "${test_launcher[@]}" ctest --test-dir "$folder" --output-junit "$(realpath -m "$report")" --output-on-failure \
        --no-tests=error --no-label-summary -j$((2 * $(nproc))) --timeout 300 "$@" |
        sed -u -e "/^[0-9]*% tests passed/,\$ { w $test_summary.closing" -e 'd }' || status=$?
    if [ "$status" -ne 0 ] && [ -s "$report" ]; then
        python3 -B "$root/packaging/dev/check_tests.py" --failures "$report" >"$test_summary" || status=1
    fi
    cat "$test_summary.closing" >>"$test_summary"
    rm -f "$test_summary.closing"
    if in_ci; then python3 -B "$root/packaging/dev/check_tests.py" "$report" || status=1; fi
    return "$status"
}

# print_test_summary: prints the last lines of the tests that failed in the last run_tests, and its closing lines. Call it last, even after
# a failure.
print_test_summary() {
    if [ -z "$test_summary" ]; then return; fi
    cat "$test_summary"
    rm -f "$test_summary"
    test_summary=
}

# measure PROGRAM "TARGET..." [ARGUMENT...]: installs and builds what a program of tests/bench needs, and then runs the program in
# the caller's directory, because its arguments may be relative paths. Prints progress on standard error.
measure() {
    local program=$root/tests/bench/$1 targets argument
    read -ra targets <<<"$2"
    shift 2
    for argument in "$@"; do
        case $argument in
        --help | -h) exec python3 -B "$program" --help ;;
        esac
    done
    need_packages build run bench >&2
    step "Configuring (preset release)" configure release >&2
    step "Building (preset release)" build release "${targets[@]}" >&2
    cd "$called_from" || exit 1
    exec python3 -B "$program" "$@"
}

# run_system TITLE PROGRAM [OPTION...]: builds the programs, and runs a Python program that starts the whole system, in the directory from
# which the script was called. --help calls the script's function usage instead.
run_system() {
    local title=$1 program=$root/$2 argument
    shift 2
    for argument in "$@"; do
        case $argument in
        --help | -h)
            usage
            exit 0
            ;;
        esac
    done
    need_packages build run histories
    step "Configuring" configure release
    step "Building" build release ctms-web ctms-sync ctms-admin fake-acoustic
    cd "$called_from" || exit 1
    # Uses Debian's Python, because Debian's psycopg2 is made for it.
    step "$title" /usr/bin/python3 "$program" --bin "$root/build/release/bin" "$@"
}
