#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the Helm chart: helm lint and helm template with the values in ctms/ci, then what came out.

    packaging/helm/check.py    exit 1 when something is wrong, 77 when helm or PyYAML is missing

The program is the one that HELM names, otherwise helm. Where CTMS_TOOLS names the folder that packaging/check_deployment.sh
fills, the objects are held against the schemas of Kubernetes too. Nothing is installed and no cluster is asked.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

CHART = pathlib.Path(__file__).resolve().parent / "ctms"
CONFIGURATION = CHART.parents[2] / "docs" / "configuration.md"
HELM = os.environ.get("HELM", "helm")
TOOLS = os.environ.get("CTMS_TOOLS")

# What must be refused, by the schema or by `required`.
REFUSED = {
    "no image": ["--set", "image.repository="],
    "a tag in the repository": ["--set", "image.repository=example.com/ctms:v1"],
    "no secrets": ["--set", "secrets.existingSecret="],
    "a secret among the settings": ["--set-string", "settings.CTMS_SECRET_KEY=x"],
    "a setting of the chart": ["--set-string", "settings.PORT=1"],
    "a number without quotes": ["--set", "settings.CTMS_WORKERS=1000000"],
    "an unknown value": ["--set", "sync.enable=true"],
    "an unknown secret": ["--set-string", "secrets.values.CTMS_DB_URI=x"],
    "an ingress without a host": ["--set", "ingress.enabled=true"],
}


def helm(*arguments):
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def known_settings():
    return set(re.findall(r"^\| `([A-Z_0-9]+)` \|", CONFIGURATION.read_text(), re.M))


def pods(objects):
    for item in objects:
        if item["kind"] in ("Deployment", "Job"):
            yield f"{item['kind']} {item['metadata']['name']}", item["spec"]["template"]


def problems_of_pod(where, template, configured):
    spec = template["spec"]
    pod, missing = spec["securityContext"], []
    if not (pod["runAsNonRoot"] and pod["runAsUser"] == 10001 and pod["seccompProfile"]["type"] == "RuntimeDefault"):
        missing.append("not as 10001 with seccomp")
    if spec["automountServiceAccountToken"]:
        missing.append("has the account's token")
    for container in spec["containers"]:
        own = container["securityContext"]
        if not own["readOnlyRootFilesystem"] or own["allowPrivilegeEscalation"] or own["capabilities"]["drop"] != ["ALL"]:
            missing.append("not confined")
        if not container["resources"]["requests"]:
            missing.append("asks for no resources")
        names = [entry["name"] for entry in container["env"]]
        missing += [f"{name} is no setting" for name in names if name not in configured]
        missing += [f"{name} is given twice" for name in set(names) if names.count(name) > 1]
        if where.startswith("Deployment"):
            missing += [f"no {probe}" for probe in ("startupProbe", "livenessProbe") if probe not in container]
    return [f"{where}: {what}" for what in missing]


def problems_of(objects):
    configured = known_settings()
    names = [(item["kind"], item["metadata"]["name"], item["metadata"].get("annotations", {}).get("helm.sh/hook")) for item in objects]
    out = [f"{name} is there twice" for name in set(names) if names.count(name) > 1]
    for where, template in pods(objects):
        out += problems_of_pod(where, template, configured)
    for item in objects:
        if item["kind"] == "ConfigMap":
            out += [f"{name} is no setting" for name in item["data"] or {} if name not in configured]
        if item["kind"] in ("Deployment", "Service"):
            wanted = item["spec"]["selector"].get("matchLabels", item["spec"]["selector"])
            if not any(wanted.items() <= template["metadata"]["labels"].items() for _, template in pods(objects)):
                out.append(f"{item['kind']} {item['metadata']['name']} selects no pod")
    return out


def refused_by_kubernetes(objects):
    checked = subprocess.run(["node", "objects.mjs"], cwd=TOOLS, input=json.dumps(objects), capture_output=True, text=True, timeout=60)
    return checked.stdout.splitlines() + ([f"objects.mjs: {checked.stderr}"] if checked.returncode else [])


def main():
    try:
        import yaml
    except ImportError:
        print("check.py: python3-yaml is not installed")
        return 77
    if not shutil.which(HELM):
        print("check.py: helm is not installed")
        return 77
    failed = []
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        lint = helm("lint", "--strict", CHART, "-f", values)
        made = helm("template", "ctms", CHART, "-n", "ctms", "-f", values)
        if lint.returncode or made.returncode:
            failed.append(f"{values.name}: {lint.stdout}{lint.stderr}{made.stderr}")
            continue
        objects = [item for item in yaml.safe_load_all(made.stdout) if item]
        failed += [f"{values.name}: {what}" for what in problems_of(objects)]
        if TOOLS:
            failed += [f"{values.name}: {what}" for what in refused_by_kubernetes(objects)]
        print(f"{values.name}: {len(objects)} objects")
    least = CHART / "ci" / "existing-secret-values.yaml"
    if not least.exists():  # the values below would be refused for that alone
        failed.append(f"{least} is missing")
    for what, arguments in REFUSED.items():
        if helm("template", "ctms", CHART, "-f", least, *arguments).returncode == 0:
            failed.append(f"takes {what}")
    print("\n".join(failed) or f"{len(REFUSED)} wrong values refused\nThe chart is in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
