# SPDX-License-Identifier: MPL-2.0
# shellcheck shell=bash
# Creates Debian systems in folders, for on_debian.sh, deb.sh --try and docker/stages.sh. Source this file after lib.sh.
# build/debian keeps the downloaded packages, and for a day the systems that debootstrap made.
# Nothing is mounted in the caller's namespace, and all processes in such a system end with the command that started them.

debian_kept=${root:?}/build/debian
debian_mirror=${CTMS_DEBIAN_MIRROR:-$(debian_mirror)}

# suite_of RELEASE: prints the name that a mirror has for a release.
suite_of() {
    case $1 in
    12) say bookworm ;;
    13) say trixie ;;
    *) return 1 ;;
    esac
}

# The release of this machine if it is one of those, otherwise 12.
own_release() {
    local id
    # shellcheck disable=SC1091
    id=$(. /etc/os-release 2>/dev/null && say "${ID:-}:${VERSION_ID:-}") || id=
    if [ "${id%%:*}" = debian ] && suite_of "${id#*:}" >/dev/null; then say "${id#*:}"; else say 12; fi
}

# why_no_debian RELEASE: says what is missing on this machine to create such systems; prints nothing if they can be created.
why_no_debian() {
    local suite
    suite=$(suite_of "$1") || {
        say "Debian $1 is unknown here; use 12 or 13"
        return
    }
    if [ "$(id -u)" -ne 0 ]; then
        say "not root"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        say "namespaces cannot be created (unshare)"
    elif ! curl -sSf -o /dev/null --max-time 60 --retry 2 "$debian_mirror/dists/$suite/InRelease" 2>/dev/null; then
        say "there is no Debian $1 at '$debian_mirror'; CTMS_DEBIAN_MIRROR can name another mirror"
    fi
}

# debian_sources RELEASE: prints this machine's package sources, with this release instead of the machine's. So the system gets updates
# from where the machine gets them. Prints the mirror if the machine has no sources of Debian.
debian_sources() {
    local own suite
    suite=$(suite_of "$1") || return
    # shellcheck disable=SC2016  # apt-get expands these names, not the shell
    own=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
        sed -nE "s/ (bookworm|trixie)(-updates|-security)? main\$/ $suite\\2 main/p" | sort -u) || own=
    if [ -n "${CTMS_DEBIAN_MIRROR:-}" ] || [ -z "$own" ]; then own="deb $debian_mirror $suite main"; fi
    say "$own"
}

# fresh_debian RELEASE DIR: creates a minimal system in DIR after removing the previous contents.
fresh_debian() {
    local release=$1 where=$2 options=(--variant=minbase) suite kept=$debian_kept/$1.tar log=$debian_kept/debootstrap.log
    suite=$(suite_of "$release") || return
    rm -rf --one-file-system "$where" && mkdir -p "$debian_kept/packages" "$where" || return
    if [ -n "$(find "$kept" -mmin -1440 2>/dev/null)" ]; then
        tar -C "$where" --numeric-owner -xpf "$kept" || return
    else
        case $debian_mirror in https:*) options+=(--include=ca-certificates) ;; esac
        debootstrap "${options[@]}" --cache-dir="$debian_kept/packages" "$suite" "$where" "$debian_mirror" >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            return 1
        }
        rm -f "$where"/var/cache/apt/archives/*.deb
        tar -C "$where" --numeric-owner --one-file-system -cf "$kept.new" . && mv "$kept.new" "$kept" || return
    fi
    debian_sources "$release" >"$where/etc/apt/sources.list"
    say force-unsafe-io >"$where/etc/dpkg/dpkg.cfg.d/unsafe-io" # as in Debian's images: nothing here must survive a crash
    cp /etc/resolv.conf "$where/etc/resolv.conf"
    # In a network with its own certificate authority, npm must trust it.
    if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then cp "$NODE_EXTRA_CA_CERTS" "$where/etc/extra-ca-certificates.crt"; fi
}

# in_debian DIR COMMAND [ARGUMENT...]: runs a command as root in a system made by fresh_debian, with as little of this shell's
# environment as possible. NAME=VALUE may precede the command. It is killed after `limit` seconds, by default an hour. Only
# one command runs at a time in a checkout, because apt locks the kept packages.
in_debian() {
    local where=$1 name settings=()
    shift
    # The language settings are passed on because ccache's results depend on them.
    for name in http_proxy https_proxy no_proxy LANG LC_ALL LC_CTYPE LC_MESSAGES; do
        if [ -n "${!name:-}" ]; then settings+=("$name=${!name}"); fi
    done
    if [ -e "$where/etc/extra-ca-certificates.crt" ]; then settings+=(NODE_EXTRA_CA_CERTS=/etc/extra-ca-certificates.crt); fi
    # shellcheck disable=SC2016  # for the inner shell
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb "${settings[@]}" \
        flock --no-fork --timeout 3600 "$debian_kept" timeout --foreground --signal=KILL "${limit:-3600}" unshare --mount --pid --fork --kill-child /bin/bash -c '
            mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
            mount --bind "$1" "$0/var/cache/apt/archives" || exit
            if [ -d "$2" ]; then mkdir -p "$0/root/.cache/ccache" && mount --bind "$2" "$0/root/.cache/ccache" || exit; fi
            exec chroot "$0" /usr/bin/env "${@:3}"' "$where" "$debian_kept/packages" "$(ccache -k cache_dir 2>/dev/null)" "$@"
}

# copy_sources DIR: copies tracked and new files, but not .git, which .dockerignore excludes from the image's build too.
copy_sources() {
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        if [ -e "$file" ]; then printf '%s\0' "$file"; fi
    done | tar --null -T - -cf - | tar -C "$1" -xf -
}

# try_packages RELEASE FOLDER DIR: installs the Debian packages of FOLDER in a fresh system in DIR, runs the programs there with an
# embedded PostgreSQL, and removes the packages again.
try_packages() {
    local release=$1 folder=$2 where=$3
    fresh_debian "$release" "$where" || return
    mkdir "$where/packages" && cp "$folder"/*.deb "$root/packaging/debian/try.sh" "$where/packages" || return
    limit=900 in_debian "$where" /bin/bash /packages/try.sh
}
