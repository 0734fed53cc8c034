#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Publishes an image or the chart in a registry. Each step may run again after it failed half-way. See --help.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: packaging/docker/publish.sh push ARCHIVE NAME TAG...   pushes an image, an OCI archive, and gives it these tags
       packaging/docker/publish.sh promote NAME FROM TAG...   gives the image with the tag FROM these tags, too
       packaging/docker/publish.sh platform NAME TAG          prints the digest of the image for linux/amd64 alone, as scanners need it
       packaging/docker/publish.sh chart FOLDER NAME VERSION  packages the chart in FOLDER and pushes it as NAME/CHART:VERSION
       packaging/docker/publish.sh --self-test                tries these with a registry on the loopback

NAME is the registry and repository, as in registry.example.com/ctms; for a chart, what precedes the chart's name. Log in first.

Tags are never moved. An image that already has one of the tags of `push` is not pushed again, but gets the missing ones: a build that
is repeated gives another digest, and all tags must name the same one. If two of the tags name different images, nothing is changed.
`push` and `promote` print NAME@DIGEST. `chart` leaves a version that exists as it is.

Requires skopeo, and helm for charts (HELM names the program). The self-test also requires docker-registry.
TEXT
}

# For the self-test, whose registry has no TLS.
plain_http=${CTMS_PUBLISH_PLAIN_HTTP:-false}
helm=${HELM:-helm}

die() {
    printf 'publish.sh: %s\n' "$*" >&2
    exit 1
}

# The functions check each command themselves: `set -e` has no effect where the caller looks at the status.

# inspect NAME:TAG: prints the manifest of the image.
inspect() { skopeo inspect --tls-verify="$([ "$plain_http" = true ] && echo false || echo true)" --raw "docker://$1"; }

# digest_of NAME:TAG: prints the digest of the image, or nothing if there is none. Fails if the registry does not say.
digest_of() {
    local manifest problem
    manifest=$(mktemp) && problem=$(mktemp) || return
    if inspect "$1" >"$manifest" 2>"$problem"; then
        printf 'sha256:%s\n' "$(sha256sum <"$manifest" | cut -d ' ' -f 1)"
    elif ! grep -qiE 'manifest unknown|name unknown|not found|does not exist' "$problem"; then
        cat "$problem" >&2
        rm -f "$manifest" "$problem"
        return 1
    fi
    rm -f "$manifest" "$problem"
}

# copy FROM TO: copies an image with everything that belongs to it (platforms, SBOM, provenance) and keeps its digest.
copy() {
    local options=(--all --preserve-digests --retry-times 3)
    if [ "$plain_http" = true ]; then
        options+=(--dest-tls-verify=false)
        if [[ $1 == docker://* ]]; then options+=(--src-tls-verify=false); fi
    fi
    skopeo copy --quiet "${options[@]}" "$1" "$2" >&2
}

# give_tags NAME DIGEST TAG...: gives an image that is in the registry those tags that do not exist.
give_tags() {
    local name=$1 digest=$2 tag found
    shift 2
    for tag in "$@"; do
        found=$(digest_of "$name:$tag") || return
        if [ -z "$found" ]; then
            copy "docker://$name@$digest" "docker://$name:$tag" || return
            found=$(digest_of "$name:$tag") || return
        fi
        [ "$found" = "$digest" ] || die "$name:$tag names $found instead of $digest"
    done
    printf '%s@%s\n' "$name" "$digest"
}

push() {
    local archive=$1 name=$2 tag found digest=
    shift 2
    [ -f "$archive" ] || die "$archive does not exist"
    for tag in "$@"; do
        found=$(digest_of "$name:$tag") || return
        if [ -z "$found" ]; then continue; fi
        if [ -n "$digest" ] && [ "$found" != "$digest" ]; then die "the tags of $name name different images: $tag names $found, another $digest"; fi
        digest=$found
    done
    if [ -z "$digest" ]; then
        copy "oci-archive:$archive" "docker://$name:$1" || return
        digest=$(digest_of "$name:$1") || return
    fi
    give_tags "$name" "$digest" "$@"
}

promote() {
    local name=$1 from=$2 digest
    shift 2
    digest=$(digest_of "$name:$from") || return
    [ -n "$digest" ] || die "there is no image $name:$from; wait until the run of main has pushed it, and run this again"
    give_tags "$name" "$digest" "$@"
}

# Prints the digest that the index names for linux/amd64, or that of an image without an index.
platform() {
    local manifest digest
    digest=$(digest_of "$1:$2") || return
    [ -n "$digest" ] || die "there is no image $1:$2"
    manifest=$(inspect "$1@$digest") || return
    python3 - "$digest" "$manifest" <<'PYTHON'
import json, sys
index = json.loads(sys.argv[2]).get("manifests")
if index is None:
    print(sys.argv[1])
else:
    ours = [one["digest"] for one in index if (one.get("platform", {}).get("os"), one.get("platform", {}).get("architecture")) == ("linux", "amd64")]
    if len(ours) != 1:
        sys.exit(f"publish.sh: the index names {len(ours)} images for linux/amd64")
    print(ours[0])
PYTHON
}

chart() {
    local folder=$1 name=$2 version=$3 found files status=0 options=()
    if [ "$plain_http" = true ]; then options+=(--plain-http); fi
    found=$(digest_of "$name/$(basename "$folder"):$version") || return
    if [ -n "$found" ]; then
        echo "$name/$(basename "$folder"):$version exists"
        return
    fi
    files=$(mktemp -d) || return
    "$helm" package "$folder" --version "$version" --app-version "$version" --destination "$files" || status=$?
    if [ "$status" -eq 0 ]; then "$helm" push "${options[@]}" "$files"/*.tgz "oci://$name" || status=$?; fi
    rm -rf "$files"
    return "$status"
}

# ---- self-test ----

# make_archive FILE TEXT: makes an OCI archive of an image whose only layer contains the text, and prints the digest of its platform.
make_archive() {
    python3 - "$@" <<'PYTHON'
import gzip, hashlib, io, json, sys, tarfile

blobs = {}


def blob(data, kind):
    digest = hashlib.sha256(data).hexdigest()
    blobs[f"blobs/sha256/{digest}"] = data
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


content = tar({"text": sys.argv[2].encode()})
layer = blob(gzip.compress(content, mtime=0), "layer.v1.tar+gzip")
rootfs = {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(content).hexdigest()]}
config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                            "layers": [layer]}).encode(), "manifest.v1+json")
# As BuildKit makes it: an index with the image and a manifest of attestations, which has no platform.
attestation = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                               "config": blob(b"{}", "config.v1+json"), "layers": [layer]}).encode(), "manifest.v1+json")
platforms = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
    manifest | {"platform": {"architecture": "amd64", "os": "linux"}},
    attestation | {"platform": {"architecture": "unknown", "os": "unknown"}}]}).encode(), "index.v1+json")
index = {"schemaVersion": 2, "manifests": [platforms]}
print(manifest["digest"])
files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": json.dumps(index).encode(), **blobs}
open(sys.argv[1], "wb").write(tar(files))
PYTHON
}

registry=
scratch=
clean_up() {
    if [ -n "$registry" ]; then kill "$registry" 2>/dev/null || true; fi
    rm -rf "$scratch"
}

start_registry() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
        "$scratch" "$port" >"$scratch/registry.yml"
    docker-registry serve "$scratch/registry.yml" >"$scratch/registry.log" 2>&1 &
    registry=$!
    host=127.0.0.1:$port
    for _ in {1..300}; do
        if curl -sf --noproxy '*' -o /dev/null "http://$host/v2/"; then return; fi
        kill -0 "$registry" 2>/dev/null || break
        sleep 0.1
    done
    cat "$scratch/registry.log" >&2
    die "the registry does not start"
}

# expect WHAT EXPECTED ACTUAL
expect() { [ "$2" = "$3" ] || die "self-test: $1 is '$3' instead of '$2'"; }
refuse() { if ("$@") >"$scratch/out" 2>&1; then die "self-test: accepts $*"; fi; }

self_test() {
    local name first second host platform
    scratch=$(mktemp -d)
    trap clean_up EXIT
    plain_http=true
    start_registry
    name=$host/ctms
    platform=$(make_archive "$scratch/first.tar" first)
    make_archive "$scratch/second.tar" second >/dev/null
    refuse promote "$name" stg-0000001 v1.0.0
    first=$(push "$scratch/first.tar" "$name" 0000001 stg-0000001 stg-1-0000001)
    expect "the tag" "${first#*@}" "$(digest_of "$name:stg-1-0000001")"
    expect "the digest of a repeated push" "$first" "$(push "$scratch/first.tar" "$name" 0000001 stg-0000001 stg-1-0000001)"
    # A run that pushed one tag, and then runs again with another build of the same commit.
    second=$(push "$scratch/second.tar" "$name" 0000002)
    expect "the digest after half a push" "$second" "$(push "$scratch/first.tar" "$name" 0000002 stg-0000002)"
    expect "the other tag" "${second#*@}" "$(digest_of "$name:stg-0000002")"
    refuse push "$scratch/first.tar" "$name" 0000001 0000002
    refuse promote "$name" stg-0000002 0000001
    expect "the promoted digest" "$first" "$(promote "$name" stg-0000001 v1.0.0 0000001)"
    expect "the digest promoted again" "$first" "$(promote "$name" stg-0000001 v1.0.0 0000001)"
    expect "the tag of the release" "${first#*@}" "$(digest_of "$name:v1.0.0")"
    expect "the digest for the scan" "$platform" "$(platform "$name" v1.0.0)"
    refuse platform "$name" v9.9.9
    refuse push "$scratch/missing.tar" "$name" 0000003
    refuse digest_of 127.0.0.1:1/ctms:0000001 # no answer is not "no image"
    helm=true refuse chart packaging/helm/ctms 127.0.0.1:1/charts 1.0.0
    if command -v "$helm" >/dev/null; then
        chart packaging/helm/ctms "$host/charts" 1.0.0 >"$scratch/out" 2>&1 || { cat "$scratch/out" && die "self-test: the chart cannot be pushed"; }
        expect "the second push of the chart" "$host/charts/ctms:1.0.0 exists" "$(chart packaging/helm/ctms "$host/charts" 1.0.0)"
        "$helm" template ctms "oci://$host/charts/ctms" --plain-http --version 1.0.0 -f packaging/helm/ctms/ci/files-values.yaml >"$scratch/objects" 2>"$scratch/out" ||
            { cat "$scratch/out" && die "self-test: the chart cannot be pulled"; }
        grep -q CtmsDown "$scratch/objects" || die "self-test: the pushed chart has no alerts"
    fi
    echo "publish.sh: images and charts were pushed and promoted; half-way pushes continue, and no tag moves"
}

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${1:-}:$#" in
--self-test:1) self_test ;;
--help:1 | -h:1) usage ;;
push:[4-9]) push "${@:2}" ;;
promote:[4-9]) promote "${@:2}" ;;
platform:3) platform "${@:2}" ;;
chart:4) chart "${@:2}" ;;
*)
    usage >&2
    exit 64
    ;;
esac
